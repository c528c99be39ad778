// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Place } from '../../../machines/voice-session.events.ts'
import type { Standing } from '../../../machines/voice-session.reasons.ts'
import { createVoiceSession } from '../../../web/composables/voice-session/create-voice-session.ts'
import { voiceSessionPatience } from '../../../web/composables/voice-session/patience.ts'
import type {
  JoinResult,
  LivekitPart,
  VoiceSessionParts,
} from '../../../web/composables/voice-session/voice-session.types.ts'

vi.mock('../../../web/livekit/can-encrypt.ts', () => ({ canEncrypt: () => true }))
// By WebCrypto, which knows no fake time.
vi.mock('../../../web/livekit/safety-code.ts', () => ({ safetyCodeOf: () => Promise.resolve([]) }))

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const joined = (roomId: string, connectionId: string): JoinResult => ({
  join: {
    callId: `call in ${roomId}`,
    connectionId,
    livekitUrl: 'ws://livekit.test',
    token: 't',
    e2eeKey: 'k',
    keyEpoch: 0,
  } as Extract<JoinResult, { join: unknown }>['join'],
})

/** Ada's page; our server and LiveKit answer when they are told to. */
function adaPage() {
  const joins: { roomId: string; connectionId: string; answer(): void }[] = []
  const left: Place[] = []
  const never = new Promise<never>(() => undefined)
  let closes = 0
  let id = 0
  const server = { standing: (): Promise<Standing> => Promise.resolve('in-call') }
  const livekit = { load: () => Promise.resolve(part), connect: () => never as Promise<void> }
  const part = {
    openVoiceConnection: () => ({
      connect: () => livekit.connect(),
      silence: () => undefined,
      setMicrophone: () => never,
      close: () => {
        closes += 1
        return never
      },
    }),
  } as unknown as LivekitPart
  const parts: VoiceSessionParts = {
    join: (roomId, connectionId) =>
      new Promise((resolve) => {
        const answer = () => resolve(joined(roomId, connectionId))
        joins.push({ roomId, connectionId, answer })
      }),
    leave(place) {
      left.push(place)
      return Promise.resolve()
    },
    leaveBeacon: () => undefined,
    standing: () => server.standing(),
    lock: {
      takeIfFree: () => Promise.resolve(true),
      take: () => undefined,
      release: () => undefined,
    },
    levels: { clear: () => undefined } as VoiceSessionParts['levels'],
    memory: { recall: () => null, remember: () => undefined },
    storage: sessionStorage,
    now: () => Date.now(),
    newId: () => `a${(id += 1)}`,
    loadLivekit: () => livekit.load(),
    onNews: () => undefined,
  }
  const session = createVoiceSession(parts)
  return {
    session,
    joins,
    left,
    server,
    livekit,
    never,
    get closes() {
      return closes
    },
    get is() {
      return session.actor.getSnapshot().value
    },
    get reason() {
      return session.actor.getSnapshot().context.reason
    },
    after: (ms: number) => vi.advanceTimersByTimeAsync(ms),
  }
}

test('R16 a join that is never answered has failed after its time; its late answer is left on the server', async () => {
  const ada = adaPage()
  ada.session.join('garden')
  await ada.after(voiceSessionPatience.joinMs - 1)
  expect(ada.is).toBe('asking')
  await ada.after(1)
  expect(ada.is).toBe('failed')
  expect(ada.reason).toBe('server-unreachable')
  await ada.after(40_000)
  ada.joins[0]!.answer()
  await ada.after(0)
  expect(ada.is).toBe('failed')
  expect(ada.left).toEqual([{ roomId: 'garden', callId: 'call in garden', connectionId: 'a1' }])
})

test('R16 R10 Ada gives up and joins another room: she is there at once, and the late answer does not move her', async () => {
  const ada = adaPage()
  ada.livekit.connect = () => Promise.resolve()
  ada.session.join('garden')
  await ada.after(0)
  ada.session.actor.send({ type: 'leave.requested' })
  expect(ada.is).toBe('idle')
  ada.session.join('kitchen')
  await ada.after(0)
  ada.joins[1]!.answer()
  await ada.after(0)
  expect(ada.session.actor.getSnapshot().matches('connected')).toBe(true)
  ada.joins[0]!.answer()
  await ada.after(60_000)
  expect(ada.session.actor.getSnapshot().context.roomId).toBe('kitchen')
  expect(ada.left).toEqual([{ roomId: 'garden', callId: 'call in garden', connectionId: 'a1' }])
  expect(ada.joins).toHaveLength(2)
})

test('R16 given up while a reloaded page still asks whether its call is on: no join follows', async () => {
  const wishes = { microphone: true, camera: false }
  sessionStorage.setItem(
    'chatto.place',
    JSON.stringify({ roomId: 'garden', callId: 'call in garden', wishes }),
  )
  const ada = adaPage()
  ada.session.comeBack()
  // The first question is whether it may come back at all; the second one waits.
  let say = () => {}
  ada.server.standing = () => {
    ada.server.standing = () => new Promise((resolve) => (say = () => resolve('in-call')))
    return Promise.resolve('in-call')
  }
  await ada.after(0)
  expect(ada.is).toBe('asking')
  ada.session.actor.send({ type: 'leave.requested' })
  say()
  await ada.after(1000)
  expect(ada.is).toBe('idle')
  expect(ada.joins).toEqual([])
})

test('LiveKit never answers: that is said, our server is told, and a client that does not end holds nothing up', async () => {
  const ada = adaPage()
  ada.session.join('garden')
  await ada.after(0)
  ada.joins[0]!.answer()
  await ada.after(voiceSessionPatience.connectMs - 1)
  expect(ada.is).toBe('connecting')
  await ada.after(1 + voiceSessionPatience.closeMs)
  expect(ada.is).toBe('failed')
  expect(ada.reason).toBe('livekit-unreachable')
  expect(ada.left).toHaveLength(1)
  expect(ada.closes).toBe(1)
})

test('the part for calls never loads: that is said', async () => {
  const ada = adaPage()
  ada.livekit.load = () => ada.never
  ada.session.join('garden')
  await ada.after(0)
  ada.joins[0]!.answer()
  await ada.after(voiceSessionPatience.loadMs)
  expect(ada.is).toBe('failed')
})

test('R16 Ada hangs up, and neither our server nor LiveKit’s client answers: she is out all the same', async () => {
  const ada = adaPage()
  ada.livekit.connect = () => Promise.resolve()
  ada.session.join('garden')
  await ada.after(0)
  ada.joins[0]!.answer()
  await ada.after(0)
  expect(ada.session.actor.getSnapshot().matches('connected')).toBe(true)
  ada.session.actor.send({ type: 'leave.requested' })
  await ada.after(voiceSessionPatience.hangUpMs + voiceSessionPatience.closeMs)
  expect(ada.is).toBe('idle')
})
