/**
 * The browser's own connection to a call: idle → checking → asking → connecting → connected, and
 * back by itself when it is lost.
 *
 * It is never persisted: a reload starts a new one that names the call it comes back to. So it invokes
 * promises and waits by `after`. What it left is stopped by XState, and a late answer is no event. It
 * knows no DOM and no LiveKit: who runs it provides the promises and does what is emitted.
 *
 * Microphone and camera are two actors of one machine, invoked for as long as the session's own: a wish
 * is older than the connection and outlives it, so that no state here has to remember it.
 */
import type { ActorRefFrom, SnapshotFrom } from 'xstate'
import type { DeviceKind, deviceMachine } from './device.machine.ts'
import type { Wishes } from './voice-session.events.ts'
import {
  joinInputOf,
  nowhere,
  placeOf,
  voiceSession,
  voiceSessionTiming,
} from './voice-session.setup.ts'

const screen = voiceSession.createStateConfig({
  initial: 'off',
  states: {
    off: {
      entry: 'clearSharing',
      on: {
        'screen.wanted': {
          guard: 'isWanted',
          target: 'pending',
          actions: ['clearScreenTrouble', 'startScreen'],
        },
        // Nobody shows a screen without the way to stop it.
        'screen.changed': { guard: 'isPublished', target: 'on' },
      },
    },
    pending: {
      on: {
        'screen.changed': [{ guard: 'isPublished', target: 'on' }, { target: 'off' }],
        'screen.failed': { target: 'off', actions: 'recordScreenTrouble' },
      },
    },
    on: {
      entry: 'recordSharing',
      on: {
        'screen.wanted': { guard: 'isUnwanted', target: 'pending', actions: 'stopScreen' },
        'screen.changed': [
          // Browsers show no screen without a click: all that can be done is to say so.
          { guard: 'isTakenByLoss', target: 'off', actions: 'announceScreenLost' },
          { guard: 'isUnpublished', target: 'off' },
        ],
      },
    },
  },
})

const media = voiceSession.createStateConfig({
  initial: 'ok',
  on: { 'livekit.disconnected': { guard: 'isUnexplained', target: '.dropped' } },
  states: {
    ok: { on: { 'livekit.reconnecting': 'reconnecting' } },
    reconnecting: {
      on: {
        'livekit.reconnected': 'ok',
        // LiveKit's client waits between its tries, and for the one that the dead network
        // swallowed. But a shared screen could not be shown again without a click.
        'network.online': { guard: 'sharesNothing', target: '#voice-session.returning.asking' },
      },
    },
    /** LiveKit does not say why it removes someone: our server is asked. */
    dropped: {
      entry: 'recordDisconnect',
      invoke: {
        id: 'standing',
        src: 'standing',
        input: placeOf,
        onDone: {
          target: '#voice-session.ended',
          actions: ['recordReason', 'tellLeaveIfListed'],
        },
        onError: { target: '#voice-session.returning', actions: 'announceLoss' },
      },
    },
  },
})

const join = { id: 'join', src: 'join', input: joinInputOf } as const

/** Refused, failed or ended: until it is read, or another join is asked for. */
const over = voiceSession.createStateConfig({
  entry: ['endDevices', 'release'],
  on: {
    'join.requested': {
      target: '#voice-session.checking',
      actions: ['beginSession', 'beginDevices'],
    },
    dismissed: { target: '#voice-session.idle', actions: 'forget' },
  },
})

export const voiceSessionMachine = voiceSession.createMachine({
  id: 'voice-session',
  context: ({ input }) => ({ ...nowhere, timing: input?.timing ?? voiceSessionTiming }),
  // Who follows the session is told of its devices, too.
  invoke: [
    { id: 'microphone', src: 'device', onSnapshot: {} },
    { id: 'camera', src: 'device', onSnapshot: {} },
  ],
  initial: 'idle',
  on: {
    'microphone.*': { actions: 'tellMicrophone' },
    'camera.*': { actions: 'tellCamera' },
  },
  states: {
    idle: {
      entry: 'endDevices',
      on: { 'join.requested': { target: 'checking', actions: ['beginSession', 'beginDevices'] } },
    },

    /** Before anything is sent. */
    checking: {
      invoke: {
        id: 'check',
        src: 'check',
        input: joinInputOf,
        onDone: [
          { guard: 'mayJoin', target: 'asking' },
          { guard: 'hasNothingToReturnTo', target: 'idle', actions: ['release', 'forget'] },
          { target: 'refused', actions: 'recordReason' },
        ],
        onError: { target: 'failed', actions: 'recordUnreachable' },
      },
      on: { 'leave.requested': { target: 'idle', actions: ['release', 'forget'] } },
    },

    asking: {
      invoke: {
        ...join,
        onDone: [
          {
            guard: 'isOtherCall',
            target: 'ended',
            actions: ['recordAnswer', 'recordReason', 'tellLeave'],
          },
          { guard: 'isLetIn', target: 'connecting', actions: 'recordAnswer' },
          { guard: 'isRefusal', target: 'refused', actions: 'recordReason' },
          { guard: 'isFailure', target: 'failed', actions: 'recordReason' },
          { target: 'ended', actions: 'recordReason' },
        ],
        onError: { target: 'failed', actions: 'recordUnreachable' },
      },
      after: { joinTimeout: { target: 'failed', actions: 'recordUnreachable' } },
      on: {
        // R16: given up is idle at once; whatever the server still answers is left there.
        'leave.requested': { target: 'idle', actions: ['release', 'forget'] },
        'room.gone': { guard: 'isThisRoom', target: 'ended', actions: 'recordReason' },
      },
    },

    connecting: {
      invoke: {
        id: 'connect',
        src: 'connect',
        onDone: 'connected',
        onError: { target: 'failed', actions: ['recordReason', 'tellLeave'] },
      },
      on: {
        // Nothing is published yet, so there is nothing to wait for.
        'leave.requested': { target: 'idle', actions: ['tellLeave', 'release', 'forget'] },
        'call.over': { guard: 'isThisCall', target: 'ended', actions: 'recordReason' },
        'room.gone': { guard: 'isThisRoom', target: 'ended', actions: 'recordReason' },
      },
    },

    connected: {
      type: 'parallel',
      entry: 'connectDevices',
      exit: 'loseDevices',
      on: {
        'leave.requested': 'leaving',
        'livekit.disconnected': [
          { guard: 'comesBack', target: 'returning', actions: 'announceLoss' },
          { guard: 'hasFailed', target: 'failed', actions: ['recordReason', 'tellLeave'] },
          { target: 'ended', actions: 'recordReason' },
        ],
        'call.over': { guard: 'isThisCall', target: 'ended', actions: 'recordReason' },
        'room.gone': { guard: 'isThisRoom', target: 'ended', actions: 'recordReason' },
      },
      states: { screen, media },
    },

    /** Lost, and on its way back into the same call with the same microphone and camera (F19). */
    returning: {
      initial: 'waiting',
      exit: 'forgetTries',
      after: { giveUp: { target: 'failed', actions: ['giveUp', 'tellLeave'] } },
      on: {
        'leave.requested': 'leaving',
        'call.over': { guard: 'isThisCall', target: 'failed', actions: 'giveUp' },
        'room.gone': { guard: 'isThisRoom', target: 'ended', actions: 'recordReason' },
        // A frozen page could not try: its time to come back begins when it wakes.
        'network.online': { guard: 'isWaiting', target: '.asking', reenter: true },
        'page.resumed': { guard: 'isWaiting', target: '.asking', reenter: true },
      },
      states: {
        waiting: { after: { retry: 'asking' } },
        asking: {
          entry: 'countTry',
          invoke: {
            ...join,
            onDone: [
              {
                guard: 'isOtherCall',
                target: '#voice-session.ended',
                actions: ['recordAnswer', 'recordReason', 'tellLeave'],
              },
              { guard: 'isLetIn', target: 'connecting', actions: 'recordAnswer' },
              { guard: 'isPassing', target: 'waiting' },
              { guard: 'isRefusal', target: '#voice-session.refused', actions: 'recordReason' },
              { target: '#voice-session.failed', actions: 'giveUp' },
            ],
            onError: 'waiting',
          },
          after: { joinTimeout: 'waiting' },
          on: {
            'leave.requested': {
              target: '#voice-session.idle',
              actions: ['tellLeave', 'release', 'forget'],
            },
          },
        },
        connecting: {
          invoke: {
            id: 'connect',
            src: 'connect',
            onDone: { target: '#voice-session.connected', actions: 'announceReturn' },
            onError: 'waiting',
          },
        },
      },
    },

    leaving: {
      entry: 'endDevices',
      invoke: {
        id: 'hangUp',
        src: 'hangUp',
        input: placeOf,
        onDone: { target: 'idle', actions: ['release', 'forget'] },
        onError: { target: 'idle', actions: ['release', 'forget'] },
      },
    },

    /** Not let in. */
    refused: over,
    /** It did not work. */
    failed: over,
    /** Over without our doing. */
    ended: over,
  },
})

export type VoiceSessionSnapshot = SnapshotFrom<typeof voiceSessionMachine>

/** One's own microphone or camera. */
export function deviceOf(
  { children }: VoiceSessionSnapshot,
  kind: DeviceKind,
): SnapshotFrom<typeof deviceMachine> {
  return (children[kind] as ActorRefFrom<typeof deviceMachine>).getSnapshot()
}

export const wishesOf = (snapshot: VoiceSessionSnapshot): Wishes => ({
  microphone: deviceOf(snapshot, 'microphone').hasTag('wanted'),
  camera: deviceOf(snapshot, 'camera').hasTag('wanted'),
})

/** Whether one is in a call as one sees it: also while one is brought back into it. */
export const isInCall = (snapshot: VoiceSessionSnapshot): boolean =>
  snapshot.matches('connected') || snapshot.matches('returning')

/** From the answer to a join on: there is something to leave. */
export const hasPlace = (snapshot: VoiceSessionSnapshot): boolean =>
  snapshot.matches('connecting') || isInCall(snapshot)
