/**
 * One's own microphone or camera, as long as the page lives. It shows what is published, not what was
 * clicked: `pending` lasts until LiveKit says so, and what a device does by itself is followed.
 *
 * What a loss of the connection leaves unpublished is nobody's wish: it is published again. What is
 * published and not wanted is closed again, whatever opened it. The wish itself is the tag `wanted`.
 */
import { and, assign, emit, setup } from 'xstate'
import type { ChangeCause, DeviceTrouble } from './voice-session.events.ts'

export type DeviceKind = 'microphone' | 'camera'

export type DeviceEvent =
  // By the person
  | { type: 'wanted'; enabled: boolean }
  // By LiveKit
  | { type: 'changed'; published: boolean; cause: ChangeCause }
  | { type: 'failed'; trouble: DeviceTrouble }
  // By the session
  | { type: 'session.began'; enabled: boolean }
  | { type: 'session.connected' }
  | { type: 'session.lost' }
  | { type: 'session.over' }

/** To be done by whoever holds the device; the answer is `changed` or `failed`. */
export interface DeviceEffect {
  type: 'set'
  enabled: boolean
}

interface Told {
  event: object
}

/** Of the screen, too. */
export const deviceGuards = {
  isWanted: ({ event }: Told) => 'enabled' in event && event.enabled === true,
  isUnwanted: ({ event }: Told) => 'enabled' in event && event.enabled === false,
  isPublished: ({ event }: Told) => 'published' in event && event.published === true,
  isUnpublished: ({ event }: Told) => 'published' in event && event.published === false,
  isByLoss: ({ event }: Told) => 'cause' in event && event.cause === 'loss',
}

export const deviceMachine = setup({
  types: {
    context: {} as { trouble: DeviceTrouble | null },
    events: {} as DeviceEvent,
    emitted: {} as DeviceEffect,
    tags: {} as 'wanted',
  },
  guards: deviceGuards,
  actions: {
    open: emit({ type: 'set', enabled: true }),
    close: emit({ type: 'set', enabled: false }),
    recordTrouble: assign(({ event }) =>
      event.type === 'failed' ? { trouble: event.trouble } : {},
    ),
    clearTrouble: assign({ trouble: null }),
  },
}).createMachine({
  id: 'device',
  context: { trouble: null },
  initial: 'idle',
  on: { 'session.over': '.idle' },
  states: {
    /** Of no call: nothing is wanted. */
    idle: {
      entry: 'clearTrouble',
      on: {
        'session.began': [
          { guard: 'isWanted', target: 'away.wanted' },
          { target: 'away.unwanted' },
        ],
      },
    },

    /** On the way into a call, or back into it: a wish is kept until then. */
    away: {
      initial: 'unwanted',
      states: {
        unwanted: {
          on: {
            wanted: { guard: 'isWanted', target: 'wanted' },
            'session.connected': '#device.off',
          },
        },
        wanted: {
          tags: 'wanted',
          entry: 'clearTrouble',
          on: {
            wanted: { guard: 'isUnwanted', target: 'unwanted' },
            'session.connected': '#device.pending.opening',
          },
        },
      },
    },

    off: {
      on: {
        wanted: { guard: 'isWanted', target: 'pending.opening' },
        changed: { guard: 'isPublished', target: 'pending.closing' },
        'session.lost': 'away.unwanted',
      },
    },

    pending: {
      initial: 'opening',
      on: {
        // A second wish is asked for anew: the answer to the first may be on its way.
        wanted: [
          { guard: 'isWanted', target: '.opening', reenter: true },
          { target: '.closing', reenter: true },
        ],
        failed: { target: 'refused', actions: 'recordTrouble' },
      },
      states: {
        opening: {
          tags: 'wanted',
          entry: ['clearTrouble', 'open'],
          on: {
            changed: [
              { guard: 'isPublished', target: '#device.on' },
              { guard: 'isByLoss', target: 'opening', reenter: true },
            ],
            'session.lost': '#device.away.wanted',
          },
        },
        closing: {
          entry: 'close',
          on: {
            changed: [
              { guard: 'isUnpublished', target: '#device.off' },
              { guard: 'isByLoss', target: 'closing', reenter: true },
            ],
            'session.lost': '#device.away.unwanted',
          },
        },
      },
    },

    on: {
      tags: 'wanted',
      entry: 'clearTrouble',
      on: {
        wanted: { guard: 'isUnwanted', target: 'pending.closing' },
        changed: [
          { guard: and(['isUnpublished', 'isByLoss']), target: 'pending.opening' },
          { guard: 'isUnpublished', target: 'off' },
        ],
        failed: { target: 'refused', actions: 'recordTrouble' },
        'session.lost': 'away.wanted',
      },
    },

    /** The browser, the system or the person said no; a click asks again. */
    refused: {
      on: {
        wanted: { guard: 'isWanted', target: 'pending.opening' },
        changed: { guard: 'isPublished', target: 'on' },
        'session.lost': 'away.unwanted',
      },
    },
  },
})
