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
  isFailure,
  isRefusal,
  outcomeOf,
  type DisconnectName,
  type OverReason,
  type Standing,
} from './voice-session.reasons.ts'

export interface VoiceSessionTiming {
  /** For the answer to a join; longer than our server waits for LiveKit. */
  joinMs: number
  /** How long it tries to come back before it says so and stops. */
  giveUpMs: number
  /** The pause before each try; the last one repeats. */
  retryDelaysMs: readonly number[]
}

export const voiceSessionTiming: VoiceSessionTiming = {
  joinMs: 20_000,
  giveUpMs: 90_000,
  retryDelaysMs: [0, 500, 1000, 2000, 4000],
}

export interface VoiceSessionContext {
  timing: VoiceSessionTiming
  roomId: string | null
  callId: string | null
  connectionId: string | null
  /** The call that a returning page means; null for a fresh join. */
  expectedCallId: string | null
  /** Tries to come back since the connection was lost. */
  tries: number
  /** Why LiveKit let go, while our server is asked what that means. */
  disconnect: DisconnectName | null
  screenTrouble: DeviceTrouble | null
  /** A screen is shared, or was when the connection was lost. */
  sharing: boolean
  /** Why it is over; null while it is not. */
  reason: OverReason | null
}

export const nowhere = {
  roomId: null,
  callId: null,
  connectionId: null,
  expectedCallId: null,
  tries: 0,
  disconnect: null,
  screenTrouble: null,
  sharing: false,
  reason: null,
} satisfies Partial<VoiceSessionContext>

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
  expectedCallId: context.expectedCallId,
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

function endOf(disconnect: DisconnectName, standing: Standing): OverReason | null {
  const outcome = outcomeOf(disconnect, standing)
  return outcome.is === 'over' ? outcome.reason : null
}

function reasonOf(
  event: VoiceSessionEvent | VoiceSessionAnswer,
  { disconnect }: VoiceSessionContext,
): OverReason | null {
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
      return endOf(event.reason, 'in-call')
    case 'xstate.done.actor.standing':
      return disconnect && endOf(disconnect, event.output)
    default:
      return null
  }
}

function toDeviceEvent(event: VoiceSessionEvent | VoiceSessionAnswer): DeviceEvent {
  assertEvent(event, ['microphone.*', 'camera.*'])
  switch (event.type) {
    case 'microphone.wanted':
    case 'camera.wanted':
      return { ...event, type: 'wanted' }
    case 'microphone.changed':
    case 'camera.changed':
      return { ...event, type: 'changed' }
    case 'microphone.failed':
    case 'camera.failed':
      return { ...event, type: 'failed' }
    default:
      return event satisfies never
  }
}

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
      context.expectedCallId !== null &&
      event.output.callId !== context.expectedCallId,
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
    hasFailed: ({ event }) => {
      const consequence = consequenceOf(event)
      return (
        consequence !== 'come-back' && consequence !== 'ask-our-server' && isFailure(consequence)
      )
    },
    /** Of a screen: its connection went, nobody stopped it. */
    isTakenByLoss: and(['isUnpublished', 'isByLoss']),
    isWaiting: stateIn({ returning: 'waiting' }),
    sharesNothing: not(stateIn({ connected: { screen: 'on' } })),
  },
  actions: {
    beginSession: assign(({ event }) => {
      assertEvent(event, 'join.requested')
      const { roomId, connectionId, expectedCallId } = event
      return { ...nowhere, roomId, connectionId, expectedCallId, callId: expectedCallId }
    }),
    recordAnswer: assign(({ event }) => {
      assertEvent(event, 'xstate.done.actor.join')
      if ('refused' in event.output) return {}
      // The server may have given another connection id, when ours was shut out (R18).
      const { callId, connectionId } = event.output
      return { callId, connectionId, expectedCallId: callId }
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
      enqueue.sendTo('microphone', { type: 'session.began', enabled: event.wishes.microphone })
      enqueue.sendTo('camera', { type: 'session.began', enabled: event.wishes.camera })
    }),
    connectDevices: enqueueActions(({ enqueue }) => {
      enqueue.sendTo('microphone', { type: 'session.connected' })
      enqueue.sendTo('camera', { type: 'session.connected' })
    }),
    loseDevices: enqueueActions(({ enqueue }) => {
      enqueue.sendTo('microphone', { type: 'session.lost' })
      enqueue.sendTo('camera', { type: 'session.lost' })
    }),
    endDevices: enqueueActions(({ enqueue }) => {
      enqueue.sendTo('microphone', { type: 'session.over' })
      enqueue.sendTo('camera', { type: 'session.over' })
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
