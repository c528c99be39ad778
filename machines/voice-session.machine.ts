/**
 * The browser's own connection to a call: idle → checking → asking → connecting → connected, and
 * back by itself when it is lost.
 *
 * Pure: it knows no DOM, no LiveKit and no clock. Times and ids come in with the events, what is to
 * be done leaves it as emitted effects, and every answer names the attempt that it belongs to.
 * It is never persisted; a reload starts a new one that names the call it comes back to.
 */
import { and } from 'xstate'
import { cameraRegion, microphoneRegion, screenRegion } from './voice-session.devices.ts'
import { nowhere, voiceSession, voiceSessionTiming } from './voice-session.setup.ts'

export const voiceSessionMachine = voiceSession.createMachine({
  id: 'voice-session',
  context: ({ input }) => ({
    ...nowhere,
    timing: input?.timing ?? voiceSessionTiming,
    attempt: 0,
    wishes: { microphone: true, camera: false },
  }),
  initial: 'idle',
  on: {
    // A late answer, beside a session that goes on by another connection.
    'join.answered': { guard: 'isOtherConnection', actions: 'tellLateLeave' },
  },
  states: {
    idle: {
      on: {
        'join.requested': { target: 'checking', actions: 'beginSession' },
        'join.answered': { actions: 'tellLateLeave' },
      },
    },

    /** Encryption support (R44) and, for a page that comes back, whether it may, before anything is sent. */
    checking: {
      entry: 'askForCheck',
      on: {
        'check.passed': { guard: 'isThisAttempt', target: 'asking' },
        'check.failed': [
          {
            guard: and(['isThisAttempt', 'hasNothingToReturnTo']),
            target: 'idle',
            actions: ['release', 'forget'],
          },
          { guard: 'isThisAttempt', target: 'refused', actions: 'recordReason' },
        ],
        'leave.requested': { target: 'idle', actions: ['release', 'forget'] },
        'microphone.wanted': { actions: 'recordMicrophoneWish' },
        'camera.wanted': { actions: 'recordCameraWish' },
      },
    },

    asking: {
      entry: ['nextAttempt', 'askToJoin'],
      on: {
        'join.answered': [
          {
            guard: and(['isThisAttempt', 'isOtherCall']),
            target: 'ended',
            actions: ['recordAnswer', 'recordReason', 'tellLeave'],
          },
          { guard: 'isThisAttempt', target: 'connecting', actions: 'recordAnswer' },
        ],
        'join.refused': [
          {
            guard: and(['isThisAttempt', 'isRefusal']),
            target: 'refused',
            actions: 'recordReason',
          },
          { guard: and(['isThisAttempt', 'isFailure']), target: 'failed', actions: 'recordReason' },
          { guard: 'isThisAttempt', target: 'ended', actions: 'recordReason' },
        ],
        // R16: given up is idle at once; whatever the server still answers is left there.
        'leave.requested': { target: 'idle', actions: ['release', 'forget'] },
        'room.gone': { guard: 'isThisRoom', target: 'ended', actions: 'recordReason' },
        'microphone.wanted': { actions: 'recordMicrophoneWish' },
        'camera.wanted': { actions: 'recordCameraWish' },
      },
    },

    connecting: {
      entry: 'connect',
      on: {
        'livekit.connected': { guard: 'isThisAttempt', target: 'connected' },
        'livekit.failed': {
          guard: 'isThisAttempt',
          target: 'failed',
          actions: ['recordReason', 'tellLeave'],
        },
        // Nothing is published yet, so there is nothing to wait for.
        'leave.requested': { target: 'idle', actions: ['tellLeave', 'release', 'forget'] },
        'call.over': { guard: 'isThisCall', target: 'ended', actions: 'recordReason' },
        'room.gone': { guard: 'isThisRoom', target: 'ended', actions: 'recordReason' },
        'microphone.wanted': { actions: 'recordMicrophoneWish' },
        'camera.wanted': { actions: 'recordCameraWish' },
      },
    },

    connected: {
      type: 'parallel',
      entry: ['announceReturn', 'clearLoss'],
      on: {
        'leave.requested': { target: 'leaving' },
        'livekit.disconnected': [
          {
            guard: and(['isThisAttempt', 'comesBack']),
            target: 'returning',
            actions: ['recordLoss', 'announceLoss'],
          },
          {
            guard: and(['isThisAttempt', 'hasFailed']),
            target: 'failed',
            actions: ['recordReason', 'tellLeave'],
          },
          {
            guard: 'isThisAttempt',
            target: 'ended',
            actions: ['recordReason', 'tellLeaveIfListed'],
          },
        ],
        'call.over': { guard: 'isThisCall', target: 'ended', actions: 'recordReason' },
        'room.gone': { guard: 'isThisRoom', target: 'ended', actions: 'recordReason' },
      },
      states: {
        microphone: microphoneRegion,
        camera: cameraRegion,
        screen: screenRegion,
        media: {
          initial: 'ok',
          states: {
            ok: {
              on: {
                'livekit.reconnecting': { guard: 'isThisAttempt', target: 'reconnecting' },
              },
            },
            reconnecting: {
              on: {
                'livekit.reconnected': { guard: 'isThisAttempt', target: 'ok' },
                // LiveKit's client waits between its tries, and for the one that the dead network
                // swallowed. But a shared screen could not be shown again without a click.
                'network.online': {
                  guard: 'sharesNothing',
                  target: '#voice-session.returning.asking',
                  actions: 'recordLoss',
                },
              },
            },
          },
        },
      },
    },

    /** Lost, and on its way back into the same call with the same microphone and camera (F19). */
    returning: {
      initial: 'waiting',
      on: {
        'leave.requested': { target: 'leaving' },
        'call.over': { guard: 'isThisCall', target: 'failed', actions: 'giveUp' },
        'room.gone': { guard: 'isThisRoom', target: 'ended', actions: 'recordReason' },
        'microphone.wanted': { actions: 'recordMicrophoneWish' },
        'camera.wanted': { actions: 'recordCameraWish' },
      },
      states: {
        waiting: {
          entry: 'wait',
          on: {
            'retry.due': [
              {
                guard: 'isTooLate',
                target: '#voice-session.failed',
                actions: ['giveUp', 'tellLeave'],
              },
              { target: 'asking' },
            ],
            'network.online': { target: 'asking', actions: 'restartClock' },
            'page.resumed': { target: 'asking', actions: 'restartClock' },
          },
        },
        asking: {
          entry: ['countTry', 'nextAttempt', 'askToJoin'],
          on: {
            'join.answered': [
              {
                guard: and(['isThisAttempt', 'isOtherCall']),
                target: '#voice-session.ended',
                actions: ['recordAnswer', 'recordReason', 'tellLeave'],
              },
              { guard: 'isThisAttempt', target: 'connecting', actions: 'recordAnswer' },
            ],
            'join.refused': [
              { guard: and(['isThisAttempt', 'isPassing']), target: 'waiting' },
              {
                guard: and(['isThisAttempt', 'isRefusal']),
                target: '#voice-session.refused',
                actions: 'recordReason',
              },
              {
                guard: 'isThisAttempt',
                target: '#voice-session.failed',
                actions: 'giveUp',
              },
            ],
            'leave.requested': {
              target: '#voice-session.idle',
              actions: ['tellLeave', 'release', 'forget'],
            },
          },
        },
        connecting: {
          entry: 'connect',
          on: {
            'livekit.connected': { guard: 'isThisAttempt', target: '#voice-session.connected' },
            'livekit.failed': { guard: 'isThisAttempt', target: 'waiting' },
          },
        },
      },
    },

    leaving: {
      entry: 'hangUp',
      on: { left: { target: 'idle', actions: ['release', 'forget'] } },
    },

    /** Not let in. */
    refused: {
      entry: 'release',
      on: {
        'join.requested': { target: 'checking', actions: 'beginSession' },
        'join.answered': { actions: 'tellLateLeave' },
        dismissed: { target: 'idle', actions: 'forget' },
      },
    },

    /** It did not work. */
    failed: {
      entry: 'release',
      on: {
        'join.requested': { target: 'checking', actions: 'beginSession' },
        'join.answered': { actions: 'tellLateLeave' },
        dismissed: { target: 'idle', actions: 'forget' },
      },
    },

    /** Over without our doing. */
    ended: {
      entry: 'release',
      on: {
        'join.requested': { target: 'checking', actions: 'beginSession' },
        'join.answered': { actions: 'tellLateLeave' },
        dismissed: { target: 'idle', actions: 'forget' },
      },
    },
  },
})
