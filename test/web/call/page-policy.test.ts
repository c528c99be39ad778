// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from 'vitest'
import { createVoiceSession } from '../../../web/voice-session/create-voice-session.ts'
import { browserClock } from '../../../web/voice-session/patience.ts'
import { openShown, type ShownParts } from '../../../web/voice-session/show-media.ts'
import type { JoinResult } from '../../../web/voice-session/voice-session.types.ts'
import { createDeviceMemory } from '../../../web/livekit/device-choice.ts'
import { openVoiceConnection } from '../../../web/livekit/voice-connection.ts'
import { callPanelStore } from '../../../web/stores/call-panel.store.ts'

/** What this page's policy forbade while LiveKit was tried; null for nothing. */
let forbidden: string | null

vi.mock('livekit-client/e2ee-worker?worker', () => ({
  default: class {
    terminate(): void {}
  },
}))
vi.mock('../../../web/livekit/call-key-provider.ts', () => ({
  CallKeyProvider: class {
    begin(): void {}
    stop(): void {}
  },
}))
vi.mock('livekit-client', async (original) => ({
  ...(await original<typeof import('livekit-client')>()),
  Room: class {
    localParticipant = { identity: '', trackPublications: new Map() }
    remoteParticipants = new Map()
    on(): this {
      return this
    }
    setE2EEEnabled(): void {}
    disconnect(): void {}
    connect(): void {
      if (forbidden !== null) {
        const violation = new Event('securitypolicyviolation', { bubbles: true })
        document.dispatchEvent(Object.assign(violation, { effectiveDirective: forbidden }))
      }
      throw new Error('could not establish signal connection')
    }
  },
}))

beforeEach(() => callPanelStore.trigger.partLoaded())

/** Nobody is heard, nothing is told. */
const shown: ShownParts = {
  actor: () => expect.fail('no device changes'),
  onNews: () => undefined,
  levels: { clear: () => undefined } as ShownParts['levels'],
  memory: createDeviceMemory(sessionStorage),
  now: () => 0,
}

/** Ada joins the garden's call; LiveKit is not reached. */
async function adaJoins() {
  const session = createVoiceSession({
    canEncrypt: () => true,
    join: (_roomId, connectionId) =>
      Promise.resolve({
        join: {
          callId: 'c',
          connectionId,
          livekitUrl: 'wss://livekit.harbour.test',
          token: 'token',
          e2eeKey: 'key',
          keyEpoch: 0,
        },
      } as JoinResult),
    leave: () => Promise.resolve(),
    leaveBeacon: () => undefined,
    standing: () => Promise.resolve('in-call'),
    lock: {
      acquireIfFree: () => Promise.resolve(true),
      steal: () => undefined,
      release: () => undefined,
    },
    loadMedia: () => Promise.resolve(openShown({ openVoiceConnection }, shown)),
    mediaGone: () => undefined,
    savedPlace: { read: () => null, write: () => undefined },
    announce: () => undefined,
    over: () => undefined,
    newId: () => 'k',
    clock: browserClock,
  })
  session.join('garden')
  await vi.waitFor(() => expect(session.actor.getSnapshot().matches('failed')).toBe(true))
  return {
    reason: session.actor.getSnapshot().context.reason,
    isOutdated: callPanelStore.getSnapshot().context.isPartMissing,
  }
}

test('a page from before LiveKit was set up is kept from it by its own policy: that page is to be loaded again', async () => {
  forbidden = 'connect-src'
  expect(await adaJoins()).toEqual({ reason: 'livekit-unreachable', isOutdated: true })
})

test('a LiveKit that does not answer is not blamed on the page, whatever else its policy forbids', async () => {
  for (forbidden of [null, 'img-src']) {
    expect(await adaJoins()).toEqual({ reason: 'livekit-unreachable', isOutdated: false })
  }
})
