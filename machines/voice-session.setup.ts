/**
 * What the voice session remembers, asks and decides: context, guards and actions by name. The
 * chart that uses them is in voice-session.machine.ts.
 */
import { assertEvent, assign, emit, enqueueActions, setup } from 'xstate'
import type {
  DeviceTrouble,
  Place,
  VoiceSessionEffect,
  VoiceSessionEvent,
  Wishes,
} from './voice-session.events.ts'
import { isFailure, isRefusal, outcomeOf, type OverReason } from './voice-session.reasons.ts'

export interface VoiceSessionTiming {
  /** How long it tries to come back before it says so and stops. */
  giveUpMs: number
  /** The pause before each try; the last one repeats. */
  retryDelaysMs: readonly number[]
}

export const voiceSessionTiming: VoiceSessionTiming = {
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
  /** Counts what was asked for, so that a late answer is known as such. */
  attempt: number
  /** Tries to come back since the connection was lost. */
  tries: number
  lostAt: number | null
  wishes: Wishes
  microphoneTrouble: DeviceTrouble | null
  cameraTrouble: DeviceTrouble | null
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
  lostAt: null,
  microphoneTrouble: null,
  cameraTrouble: null,
  screenTrouble: null,
  sharing: false,
  reason: null,
} satisfies Partial<VoiceSessionContext>

function placeOf(context: VoiceSessionContext): Place {
  return {
    roomId: context.roomId ?? '',
    callId: context.callId ?? '',
    connectionId: context.connectionId ?? '',
  }
}

export const voiceSession = setup({
  types: {
    context: {} as VoiceSessionContext,
    events: {} as VoiceSessionEvent,
    emitted: {} as VoiceSessionEffect,
    input: {} as { timing?: VoiceSessionTiming } | undefined,
  },
  guards: {
    isThisAttempt: ({ context, event }) => 'attempt' in event && event.attempt === context.attempt,
    hasNothingToReturnTo: ({ event }) =>
      event.type === 'check.failed' && event.why === 'nothing-to-return-to',
    isOtherCall: ({ context, event }) =>
      event.type === 'join.answered' &&
      context.expectedCallId !== null &&
      event.callId !== context.expectedCallId,
    isThisCall: ({ context, event }) =>
      event.type === 'call.over' && event.callId === context.callId,
    isThisRoom: ({ context, event }) =>
      event.type === 'room.gone' && event.roomId === context.roomId,
    isRefusal: ({ event }) => event.type === 'join.refused' && isRefusal(event.reason),
    isFailure: ({ event }) => event.type === 'join.refused' && isFailure(event.reason),
    isPassing: ({ event }) =>
      event.type === 'join.refused' && event.reason === 'server-unreachable',
    comesBack: ({ event }) =>
      event.type === 'livekit.disconnected' &&
      outcomeOf(event.reason, event.standing).is === 'back',
    hasFailed: ({ event }) => {
      if (event.type !== 'livekit.disconnected') return false
      const outcome = outcomeOf(event.reason, event.standing)
      return outcome.is === 'over' && isFailure(outcome.reason)
    },
    isTooLate: ({ context, event }) =>
      'at' in event &&
      context.lostAt !== null &&
      event.at - context.lostAt > context.timing.giveUpMs,
    wantsMicrophone: ({ context }) => context.wishes.microphone,
    wantsCamera: ({ context }) => context.wishes.camera,
    /** An answer to a join that is not the one that counts now. */
    isOtherConnection: ({ context, event }) =>
      event.type === 'join.answered' && event.connectionId !== context.connectionId,
    sharesNothing: ({ context }) => !context.sharing,
    isByLoss: ({ event }) => 'cause' in event && event.cause === 'loss',
    isWanted: ({ event }) => 'enabled' in event && event.enabled,
    isUnwanted: ({ event }) => 'enabled' in event && !event.enabled,
    isPublished: ({ event }) => 'published' in event && event.published,
    isUnpublished: ({ event }) => 'published' in event && !event.published,
    /** An older answer must not show what is not wanted any more. */
    isMicrophoneAsWanted: ({ context, event }) =>
      event.type === 'microphone.changed' && event.published === context.wishes.microphone,
    isCameraAsWanted: ({ context, event }) =>
      event.type === 'camera.changed' && event.published === context.wishes.camera,
  },
  actions: {
    beginSession: assign(({ context, event }) => {
      assertEvent(event, 'join.requested')
      return {
        ...nowhere,
        attempt: context.attempt + 1,
        roomId: event.roomId,
        connectionId: event.connectionId,
        expectedCallId: event.expectedCallId,
        callId: event.expectedCallId,
        wishes: event.wishes,
      }
    }),
    nextAttempt: assign(({ context }) => ({ attempt: context.attempt + 1 })),
    recordAnswer: assign(({ event }) => {
      assertEvent(event, 'join.answered')
      // The server may have given another connection id, when ours was shut out (R18).
      return {
        callId: event.callId,
        connectionId: event.connectionId,
        expectedCallId: event.callId,
      }
    }),
    recordLoss: assign(({ context, event }) => ({
      tries: 0,
      lostAt: context.lostAt ?? ('at' in event ? event.at : 0),
    })),
    /** A frozen page could not try: its time to come back begins when it wakes. */
    restartClock: assign(({ event }) => ('at' in event ? { tries: 0, lostAt: event.at } : {})),
    countTry: assign(({ context }) => ({ tries: context.tries + 1 })),
    clearLoss: assign({ tries: 0, lostAt: null }),
    recordMicrophoneWish: assign(({ context, event }) =>
      event.type === 'microphone.wanted'
        ? { wishes: { ...context.wishes, microphone: event.enabled }, microphoneTrouble: null }
        : {},
    ),
    recordCameraWish: assign(({ context, event }) =>
      event.type === 'camera.wanted'
        ? { wishes: { ...context.wishes, camera: event.enabled }, cameraTrouble: null }
        : {},
    ),
    followMicrophone: assign(({ context, event }) =>
      event.type === 'microphone.changed'
        ? { wishes: { ...context.wishes, microphone: event.published } }
        : {},
    ),
    followCamera: assign(({ context, event }) =>
      event.type === 'camera.changed'
        ? { wishes: { ...context.wishes, camera: event.published } }
        : {},
    ),
    recordMicrophoneTrouble: assign(({ context, event }) =>
      event.type === 'microphone.failed'
        ? { microphoneTrouble: event.trouble, wishes: { ...context.wishes, microphone: false } }
        : {},
    ),
    recordCameraTrouble: assign(({ context, event }) =>
      event.type === 'camera.failed'
        ? { cameraTrouble: event.trouble, wishes: { ...context.wishes, camera: false } }
        : {},
    ),
    recordScreenTrouble: assign(({ event }) =>
      event.type === 'screen.failed' ? { screenTrouble: event.trouble } : {},
    ),
    recordSharing: assign({ sharing: true }),
    clearSharing: assign({ sharing: false }),
    clearScreenTrouble: assign({ screenTrouble: null }),
    recordReason: assign(({ event }) => {
      switch (event.type) {
        case 'join.refused':
        case 'livekit.failed':
        case 'call.over':
          return { reason: event.reason }
        case 'check.failed':
          return { reason: 'cannot-encrypt' as const }
        case 'room.gone':
          return { reason: 'room-gone' as const }
        case 'join.answered':
          return { reason: 'call-ended' as const }
        case 'livekit.disconnected': {
          const outcome = outcomeOf(event.reason, event.standing)
          return outcome.is === 'over' ? { reason: outcome.reason } : {}
        }
        default:
          return {}
      }
    }),
    /** LiveKit closed its room while our server still lists us, and we are not coming back. */
    tellLeaveIfListed: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'livekit.disconnected' || event.standing !== 'in-call') return
      if (context.reason === 'call-ended') {
        enqueue.emit({ type: 'tell.leave', place: placeOf(context) })
      }
    }),
    giveUp: assign({ reason: 'gave-up' as const }),
    forget: assign(nowhere),

    askForCheck: emit(({ context }) => ({
      type: 'check' as const,
      attempt: context.attempt,
      roomId: context.roomId ?? '',
      expectedCallId: context.expectedCallId,
    })),
    askToJoin: emit(({ context }) => ({
      type: 'ask' as const,
      attempt: context.attempt,
      roomId: context.roomId ?? '',
      connectionId: context.connectionId ?? '',
      expectedCallId: context.expectedCallId,
    })),
    connect: emit(({ context }) => ({ type: 'connect' as const, attempt: context.attempt })),
    wait: emit(({ context }) => {
      const { retryDelaysMs } = context.timing
      const delayMs = retryDelaysMs[Math.min(context.tries, retryDelaysMs.length - 1)] ?? 0
      return { type: 'wait' as const, delayMs }
    }),
    setMicrophone: emit(({ context }) => ({
      type: 'set.microphone' as const,
      enabled: context.wishes.microphone,
    })),
    setCamera: emit(({ context }) => ({
      type: 'set.camera' as const,
      enabled: context.wishes.camera,
    })),
    startScreen: emit({ type: 'set.screen' as const, enabled: true }),
    stopScreen: emit({ type: 'set.screen' as const, enabled: false }),
    hangUp: emit(({ context }) => ({ type: 'hang.up' as const, place: placeOf(context) })),
    tellLeave: enqueueActions(({ context, enqueue }) => {
      const { reason } = context
      const failed =
        reason === 'livekit-unreachable' || reason === 'media-blocked' ? { failed: reason } : {}
      if (context.callId !== null) {
        enqueue.emit({ type: 'tell.leave', place: placeOf(context), ...failed })
      }
    }),
    /** R16, R12: the session has given this join up; only its own connection leaves. */
    tellLateLeave: emit(({ event }) => {
      assertEvent(event, 'join.answered')
      const { roomId, callId, connectionId } = event
      return { type: 'tell.leave' as const, place: { roomId, callId, connectionId } }
    }),
    release: emit({ type: 'release' as const }),
    announceLoss: emit({ type: 'announce' as const, what: 'lost' as const }),
    announceReturn: enqueueActions(({ context, enqueue }) => {
      if (context.lostAt === null) return
      enqueue.emit({ type: 'announce', what: context.sharing ? 'back-without-screen' : 'back' })
    }),
    announceScreenLost: emit({ type: 'announce' as const, what: 'screen-lost' as const }),
  },
})
