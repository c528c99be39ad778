/**
 * Microphone, camera and screen of a connected session. They show what is published, not what was
 * clicked: `pending` lasts until LiveKit says so, and what a device does by itself is followed.
 *
 * What a loss of the connection leaves unpublished is nobody's wish: it is published again. What is
 * published and not wanted is closed again, whatever opened it.
 */
import { and } from 'xstate'
import { voiceSession } from './voice-session.setup.ts'

export const microphoneRegion = voiceSession.createStateConfig({
  initial: 'deciding',
  states: {
    deciding: {
      always: [{ guard: 'wantsMicrophone', target: 'pending' }, { target: 'off' }],
    },
    off: {
      on: {
        'microphone.wanted': {
          guard: 'isWanted',
          target: 'pending',
          actions: 'recordMicrophoneWish',
        },
        'microphone.changed': { guard: 'isPublished', target: 'pending' },
      },
    },
    pending: {
      entry: 'setMicrophone',
      on: {
        'microphone.wanted': {
          target: 'pending',
          reenter: true,
          actions: 'recordMicrophoneWish',
        },
        'microphone.changed': [
          { guard: and(['isMicrophoneAsWanted', 'isPublished']), target: 'on' },
          { guard: 'isMicrophoneAsWanted', target: 'off' },
          { guard: 'isByLoss', target: 'pending', reenter: true },
        ],
        'microphone.failed': { target: 'refused', actions: 'recordMicrophoneTrouble' },
      },
    },
    on: {
      on: {
        'microphone.wanted': {
          guard: 'isUnwanted',
          target: 'pending',
          actions: 'recordMicrophoneWish',
        },
        'microphone.changed': [
          { guard: and(['isUnpublished', 'isByLoss']), target: 'pending' },
          { guard: 'isUnpublished', target: 'off', actions: 'followMicrophone' },
        ],
        'microphone.failed': { target: 'refused', actions: 'recordMicrophoneTrouble' },
      },
    },
    refused: {
      on: {
        'microphone.wanted': {
          guard: 'isWanted',
          target: 'pending',
          actions: 'recordMicrophoneWish',
        },
        'microphone.changed': {
          guard: 'isPublished',
          target: 'on',
          actions: 'followMicrophone',
        },
      },
    },
  },
})

export const cameraRegion = voiceSession.createStateConfig({
  initial: 'deciding',
  states: {
    deciding: {
      always: [{ guard: 'wantsCamera', target: 'pending' }, { target: 'off' }],
    },
    off: {
      on: {
        'camera.wanted': {
          guard: 'isWanted',
          target: 'pending',
          actions: 'recordCameraWish',
        },
        'camera.changed': { guard: 'isPublished', target: 'pending' },
      },
    },
    pending: {
      entry: 'setCamera',
      on: {
        'camera.wanted': { target: 'pending', reenter: true, actions: 'recordCameraWish' },
        'camera.changed': [
          { guard: and(['isCameraAsWanted', 'isPublished']), target: 'on' },
          { guard: 'isCameraAsWanted', target: 'off' },
          { guard: 'isByLoss', target: 'pending', reenter: true },
        ],
        'camera.failed': { target: 'refused', actions: 'recordCameraTrouble' },
      },
    },
    on: {
      on: {
        'camera.wanted': {
          guard: 'isUnwanted',
          target: 'pending',
          actions: 'recordCameraWish',
        },
        'camera.changed': [
          { guard: and(['isUnpublished', 'isByLoss']), target: 'pending' },
          { guard: 'isUnpublished', target: 'off', actions: 'followCamera' },
        ],
        'camera.failed': { target: 'refused', actions: 'recordCameraTrouble' },
      },
    },
    refused: {
      on: {
        'camera.wanted': {
          guard: 'isWanted',
          target: 'pending',
          actions: 'recordCameraWish',
        },
        'camera.changed': { guard: 'isPublished', target: 'on', actions: 'followCamera' },
      },
    },
  },
})

export const screenRegion = voiceSession.createStateConfig({
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
          {
            guard: and(['isUnpublished', 'isByLoss']),
            target: 'off',
            actions: 'announceScreenLost',
          },
          { guard: 'isUnpublished', target: 'off' },
        ],
      },
    },
  },
})
