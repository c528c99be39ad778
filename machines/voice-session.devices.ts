/**
 * Microphone, camera and screen of a connected session. They show what is published, not what was
 * clicked: `pending` lasts until LiveKit says so, and what LiveKit changes by itself is followed.
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
        'microphone.changed': {
          guard: 'isPublished',
          target: 'on',
          actions: 'followMicrophone',
        },
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
        'microphone.changed': {
          guard: 'isUnpublished',
          target: 'off',
          actions: 'followMicrophone',
        },
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
        'camera.changed': { guard: 'isPublished', target: 'on', actions: 'followCamera' },
      },
    },
    pending: {
      entry: 'setCamera',
      on: {
        'camera.wanted': { target: 'pending', reenter: true, actions: 'recordCameraWish' },
        'camera.changed': [
          { guard: and(['isCameraAsWanted', 'isPublished']), target: 'on' },
          { guard: 'isCameraAsWanted', target: 'off' },
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
        'camera.changed': {
          guard: 'isUnpublished',
          target: 'off',
          actions: 'followCamera',
        },
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
      on: {
        'screen.wanted': {
          guard: 'isWanted',
          target: 'pending',
          actions: ['clearScreenTrouble', 'startScreen'],
        },
      },
    },
    pending: {
      on: {
        'screen.changed': [{ guard: 'isPublished', target: 'on' }, { target: 'off' }],
        'screen.failed': { target: 'off', actions: 'recordScreenTrouble' },
      },
    },
    on: {
      on: {
        'screen.wanted': { guard: 'isUnwanted', target: 'pending', actions: 'stopScreen' },
        'screen.changed': { guard: 'isUnpublished', target: 'off' },
      },
    },
  },
})
