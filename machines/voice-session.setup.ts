/**
 * What the voice session remembers, asks and decides: context, guards, actions, actors and delays by
 * name. The chart that uses them is in voice-session.machine.ts.
 */
import {
  and,
  assertEvent,
  assign,
  emit,
  enqueueActions,
  fromPromise,
  not,
  sendTo,
  setup,
  stateIn,
} from 'xstate'
import { deviceGuards, deviceMachine, type DeviceEvent } from './device.machine.ts'
import type {
  Checked,
  DeviceTrouble,
  JoinOutcome,
  Place,
  VoiceSessionAnswer,
  VoiceSessionEffect,
  VoiceSessionEvent,
} from './voice-session.events.ts'
import {
  afterDisconnect,
  endingOf,
  isFailure,
  isOverReason,
  isRefusal,
  type DisconnectName,
  type OverReason,
  type Standing,
} from './voice-session.reasons.ts'

export const voiceSessionTiming = {
  /** For the answer to a join; longer than our server waits for LiveKit. */
  joinMs: 20_000,
  /** How long it tries to come back before it says so and stops. */
  giveUpMs: 90_000,
  /** The pause before each try; the last one repeats. */
  retryDelaysMs: [0, 500, 1000, 2000, 4000],
}
export type VoiceSessionTiming = typeof voiceSessionTiming

export const nowhere = {
  roomId: null as string | null,
  /** Also the call that a returning page means; null for a fresh join. */
  callId: null as string | null,
  connectionId: null as string | null,
  /** Tries to come back since the connection was lost. */
  tries: 0,
  /** Why LiveKit let go, while our server is asked what that means. */
  disconnect: null as DisconnectName | null,
  screenTrouble: null as DeviceTrouble | null,
  /** A screen is shared, or was when the connection was lost. */
  sharing: false,
  /** Why it is over; null while it is not. */
  reason: null as OverReason | null,
}

export type VoiceSessionContext = typeof nowhere & { timing: VoiceSessionTiming }

interface OfContext {
  context: VoiceSessionContext
}

export const placeOf = ({ context }: OfContext): Place => ({
  roomId: context.roomId ?? '',
  callId: context.callId ?? '',
  connectionId: context.connectionId ?? '',
})

export interface JoinInput {
  roomId: string
  connectionId: string
  expectedCallId: string | null
}

export const joinInputOf = ({ context }: OfContext): JoinInput => ({
  roomId: context.roomId ?? '',
  connectionId: context.connectionId ?? '',
  expectedCallId: context.callId,
})

/** Whoever runs the machine provides the promises; to a chart they are names. */
function notProvided(): Promise<never> {
  return Promise.reject(new Error('provide the actors of the voice session'))
}

const consequenceOf = (event: VoiceSessionEvent | VoiceSessionAnswer) =>
  event.type === 'livekit.disconnected' ? afterDisconnect[event.reason] : null

/** Null for an answer that lets in. */
const refusalOf = (event: VoiceSessionEvent | VoiceSessionAnswer): OverReason | null =>
  event.type === 'xstate.done.actor.join' && 'refused' in event.output ? event.output.refused : null

function reasonOf(
  event: VoiceSessionEvent | VoiceSessionAnswer,
  { disconnect }: VoiceSessionContext,
): OverReason | null {
  const consequence = consequenceOf(event)
  switch (event.type) {
    case 'call.over':
      return event.reason
    case 'room.gone':
      return 'room-gone'
    case 'xstate.done.actor.check':
      return 'cannot-encrypt'
    case 'xstate.done.actor.join':
      // Let into another call than the one that was meant: that one is over.
      return refusalOf(event) ?? 'call-ended'
    case 'xstate.error.actor.connect':
      return event.error instanceof Error && event.error.message === 'media-blocked'
        ? 'media-blocked'
        : 'livekit-unreachable'
    case 'livekit.disconnected':
      return isOverReason(consequence) ? consequence : null
    case 'xstate.done.actor.standing':
      return disconnect && endingOf(disconnect, event.output)
    default:
      return null
  }
}

/** What is `microphone.wanted` to the session is `wanted` to the microphone. */
function toDeviceEvent(event: VoiceSessionEvent | VoiceSessionAnswer): DeviceEvent {
  assertEvent(event, ['microphone.*', 'camera.*'])
  return { ...event, type: event.type.split('.')[1] } as DeviceEvent
}

const deviceKinds = ['microphone', 'camera'] as const

export const voiceSession = setup({
  types: {
    context: {} as VoiceSessionContext,
    events: {} as VoiceSessionEvent | VoiceSessionAnswer,
    emitted: {} as VoiceSessionEffect,
    input: {} as { timing?: VoiceSessionTiming } | undefined,
    children: {} as { microphone: 'device'; camera: 'device' },
  },
  actors: {
    device: deviceMachine,
    /** Encryption support (R44) and, for a page that comes back, whether it may. */
    check: fromPromise<Checked, JoinInput>(notProvided),
    /** Who provides it leaves on the server what is answered after its signal was aborted (R16). */
    join: fromPromise<JoinOutcome, JoinInput>(notProvided),
    /** Resolves when LiveKit is up; what was asked for meanwhile is dropped with its signal. */
    connect: fromPromise<void>(notProvided),
    /** What our server says of us. */
    standing: fromPromise<Standing, Place>(notProvided),
    /** R16: stops microphone and camera, tells our server, leaves LiveKit, in that order. */
    hangUp: fromPromise<void, Place>(notProvided),
  },
  delays: {
    joinTimeout: ({ context }) => context.timing.joinMs,
    giveUp: ({ context }) => context.timing.giveUpMs,
    retry: ({ context: { timing, tries } }) =>
      timing.retryDelaysMs[Math.min(tries, timing.retryDelaysMs.length - 1)] ?? 0,
  },
  guards: {
    ...deviceGuards,
    mayJoin: ({ event }) => event.type === 'xstate.done.actor.check' && event.output === 'may-join',
    hasNothingToReturnTo: ({ event }) =>
      event.type === 'xstate.done.actor.check' && event.output === 'nothing-to-return-to',
    isOtherCall: ({ context, event }) =>
      event.type === 'xstate.done.actor.join' &&
      'callId' in event.output &&
      context.callId !== null &&
      event.output.callId !== context.callId,
    isLetIn: ({ event }) => event.type === 'xstate.done.actor.join' && 'callId' in event.output,
    isRefusal: ({ event }) => isRefusal(refusalOf(event)),
    isFailure: ({ event }) => isFailure(refusalOf(event)),
    isPassing: ({ event }) => refusalOf(event) === 'server-unreachable',
    isThisCall: ({ context, event }) =>
      event.type === 'call.over' && event.callId === context.callId,
    isThisRoom: ({ context, event }) =>
      event.type === 'room.gone' && event.roomId === context.roomId,
    comesBack: ({ event }) => consequenceOf(event) === 'come-back',
    isUnexplained: ({ event }) => consequenceOf(event) === 'ask-our-server',
    hasFailed: ({ event }) => isFailure(consequenceOf(event)),
    /** Of a screen: its connection went, nobody stopped it. */
    isTakenByLoss: and(['isUnpublished', 'isByLoss']),
    isWaiting: stateIn({ returning: 'waiting' }),
    sharesNothing: not(stateIn({ connected: { screen: 'on' } })),
  },
  actions: {
    beginSession: assign(({ event }) => {
      assertEvent(event, 'join.requested')
      const { roomId, connectionId, expectedCallId } = event
      return { ...nowhere, roomId, connectionId, callId: expectedCallId }
    }),
    recordAnswer: assign(({ event }) => {
      assertEvent(event, 'xstate.done.actor.join')
      // The server may have given another connection id, when ours was shut out (R18).
      return 'callId' in event.output ? event.output : {}
    }),
    countTry: assign(({ context }) => ({ tries: context.tries + 1 })),
    forgetTries: assign({ tries: 0 }),
    recordDisconnect: assign(({ event }) => {
      assertEvent(event, 'livekit.disconnected')
      return { disconnect: event.reason }
    }),
    recordScreenTrouble: assign(({ event }) => {
      assertEvent(event, 'screen.failed')
      return { screenTrouble: event.trouble }
    }),
    recordSharing: assign({ sharing: true }),
    clearSharing: assign({ sharing: false }),
    clearScreenTrouble: assign({ screenTrouble: null }),
    recordReason: assign(({ context, event }) => ({ reason: reasonOf(event, context) })),
    recordUnreachable: assign({ reason: 'server-unreachable' }),
    giveUp: assign({ reason: 'gave-up' }),
    forget: assign(nowhere),

    tellMicrophone: sendTo('microphone', ({ event }) => toDeviceEvent(event)),
    tellCamera: sendTo('camera', ({ event }) => toDeviceEvent(event)),
    beginDevices: enqueueActions(({ event, enqueue }) => {
      assertEvent(event, 'join.requested')
      for (const kind of deviceKinds) {
        enqueue.sendTo(kind, { type: 'session.began', enabled: event.wishes[kind] })
      }
    }),
    connectDevices: enqueueActions(({ enqueue }) => {
      for (const kind of deviceKinds) enqueue.sendTo(kind, { type: 'session.connected' })
    }),
    loseDevices: enqueueActions(({ enqueue }) => {
      for (const kind of deviceKinds) enqueue.sendTo(kind, { type: 'session.lost' })
    }),
    endDevices: enqueueActions(({ enqueue }) => {
      for (const kind of deviceKinds) enqueue.sendTo(kind, { type: 'session.over' })
    }),
    startScreen: emit({ type: 'set.screen', enabled: true }),
    stopScreen: emit({ type: 'set.screen', enabled: false }),

    tellLeave: enqueueActions(({ context, enqueue }) => {
      const { callId, reason } = context
      if (callId === null) return
      const failed =
        reason === 'livekit-unreachable' || reason === 'media-blocked' ? { failed: reason } : {}
      enqueue.emit({ type: 'tell.leave', place: placeOf({ context }), ...failed })
    }),
    /** LiveKit closed its room while our server still lists us, and we are not coming back. */
    tellLeaveIfListed: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'xstate.done.actor.standing')
      if (event.output === 'in-call' && context.reason === 'call-ended') {
        enqueue.emit({ type: 'tell.leave', place: placeOf({ context }) })
      }
    }),
    release: emit({ type: 'release' }),
    announceLoss: emit({ type: 'announce', what: 'lost' }),
    announceReturn: emit(({ context }) => ({
      type: 'announce',
      what: context.sharing ? 'back-without-screen' : 'back',
    })),
    announceScreenLost: emit({ type: 'announce', what: 'screen-lost' }),
  },
})
