// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Place } from '../../../machines/voice-session.events.ts'
import type { OverReason, Standing } from '../../../machines/voice-session.reasons.ts'
import { voiceSessionTiming } from '../../../machines/voice-session.setup.ts'
import { createVoiceSession } from '../../../web/voice-session/create-voice-session.ts'
import { savePlace, readSavedPlace } from '../../../web/voice-session/saved-place.ts'
import { browserClock, voiceSessionPatience } from '../../../web/voice-session/patience.ts'
import type { MediaConnection, MediaEvent } from '../../../web/livekit/media-connection.types.ts'
import type { JoinResult } from '../../../web/voice-session/voice-session.types.ts'

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
  const joins: {
    roomId: string
    connectionId: string
    answer(): void
    refuse(reason: OverReason): void
  }[] = []
  const left: Place[] = []
  /** What each connection to LiveKit tells, the first one first. */
  const tells: ((event: MediaEvent) => void)[] = []
  const never = new Promise<never>(() => undefined)
  let closes = 0
  let id = 0
  const server = { standing: (): Promise<Standing> => Promise.resolve('in-call') }
  const open = (_join: unknown, tell: (event: MediaEvent) => void): MediaConnection => {
    tells.push(tell)
    return {
      connect: () => livekit.connect(),
      silence: () => undefined,
      setMicrophone: () => never,
      setCamera: () => never,
      setScreen: () => never,
      rotateKey: () => never,
      close() {
        closes += 1
        return never
      },
    }
  }
  const livekit = {
    load: () => Promise.resolve(open),
    connect: () => never as Promise<void>,
  }
  const session = createVoiceSession({
    canEncrypt: () => true,
    join: (roomId, connectionId) =>
      new Promise((resolve) => {
        const answer = () => resolve(joined(roomId, connectionId))
        const refuse = (refused: OverReason) => resolve({ refused })
        joins.push({ roomId, connectionId, answer, refuse })
      }),
    leave(place) {
      left.push(place)
      return Promise.resolve()
    },
    leaveBeacon: () => undefined,
    standing: () => server.standing(),
    lock: {
      acquireIfFree: () => Promise.resolve(true),
      steal: () => undefined,
      release: () => undefined,
    },
    loadMedia: () => livekit.load(),
    mediaGone: () => undefined,
    savedPlace: {
      read: () => readSavedPlace(sessionStorage),
      write: (place) => savePlace(sessionStorage, place),
    },
    announce: () => undefined,
    over: () => undefined,
    newId: () => `a${(id += 1)}`,
    clock: browserClock,
  })
  return {
    session,
    joins,
    left,
    tells,
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
    isConnected: () => session.actor.getSnapshot().matches('connected'),
    after: (ms: number) => vi.advanceTimersByTimeAsync(ms),
  }
}

/** In the garden's call, by connection a1. */
async function adaInCall() {
  const ada = adaPage()
  ada.livekit.connect = () => Promise.resolve()
  ada.session.join('garden')
  await ada.after(0)
  ada.joins[0]!.answer()
  await ada.after(0)
  expect(ada.isConnected()).toBe(true)
  return ada
}

const place = { roomId: 'garden', callId: 'call in garden', connectionId: 'a1' }

test('R16 a join that is never answered has failed after its time; its late answer is left on the server', async () => {
  const ada = adaPage()
  ada.session.join('garden')
  await ada.after(voiceSessionTiming.joinMs - 1)
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

test('R16 a join that was given up and then refused leaves nothing behind', async () => {
  const ada = adaPage()
  ada.session.join('garden')
  await ada.after(0)
  ada.session.actor.send({ type: 'leave.requested' })
  ada.joins[0]!.refuse('server-unreachable')
  await ada.after(60_000)
  expect(ada.is).toBe('idle')
  expect(ada.left).toEqual([])
})

test('R16 given up in the very moment of the answer: it is left', async () => {
  const ada = adaPage()
  ada.session.join('garden')
  await ada.after(0)
  ada.joins[0]!.answer()
  ada.session.actor.send({ type: 'leave.requested' })
  await ada.after(0)
  expect(ada.is).toBe('idle')
  expect(ada.left).toEqual([place])
})

test('R12 a late answer to an earlier try of the connection that Ada is in does not take her out', async () => {
  const ada = await adaInCall()
  ada.tells[0]!({ type: 'livekit.disconnected', reason: 'UNKNOWN_REASON' })
  // Its client never ends, and nobody answers the first try.
  await ada.after(voiceSessionTiming.joinMs)
  expect(ada.is).toEqual({ returning: 'waiting' })
  await ada.after(500)
  expect(ada.joins.map(({ connectionId }) => connectionId)).toEqual(['a1', 'a1', 'a1'])
  ada.joins[2]!.answer()
  await ada.after(0)
  expect(ada.isConnected()).toBe(true)
  ada.joins[1]!.answer()
  await ada.after(60_000)
  expect(ada.isConnected()).toBe(true)
  expect(ada.left).toEqual([])
})

test('a disconnect of an earlier LiveKit connection changes nothing', async () => {
  const ada = await adaInCall()
  ada.tells[0]!({ type: 'livekit.disconnected', reason: 'SERVER_SHUTDOWN' })
  await ada.after(voiceSessionPatience.closeMs)
  ada.joins[1]!.answer()
  await ada.after(0)
  expect(ada.tells).toHaveLength(2)
  ada.tells[0]!({ type: 'livekit.disconnected', reason: 'DUPLICATE_IDENTITY' })
  ada.tells[0]!({ type: 'microphone.failed', trouble: 'busy' })
  await ada.after(0)
  expect(ada.isConnected()).toBe(true)
  expect(ada.reason).toBeNull()
  expect(ada.session.actor.getSnapshot().children.microphone?.getSnapshot().value).toEqual({
    pending: 'opening',
  })
})

test('F19 a connection is opened when the one before has let go of the devices, or will not', async () => {
  const ada = await adaInCall()
  ada.tells[0]!({ type: 'livekit.disconnected', reason: 'SERVER_SHUTDOWN' })
  expect(ada.is).toEqual({ returning: 'waiting' })
  await ada.after(0)
  ada.joins[1]!.answer()
  await ada.after(voiceSessionPatience.closeMs - 1)
  expect(ada.tells).toHaveLength(1)
  await ada.after(1)
  expect(ada.tells).toHaveLength(2)
})

test('R16 a join that Ada gave up is idle at once, and left on the server when it is answered', async () => {
  const ada = adaPage()
  ada.session.join('garden')
  await ada.after(0)
  ada.session.actor.send({ type: 'leave.requested' })
  expect(ada.is).toBe('idle')
  await ada.after(5000)
  expect(ada.left).toEqual([])
  ada.joins[0]!.answer()
  await ada.after(0)
  expect(ada.is).toBe('idle')
  expect(ada.left).toEqual([place])
})

test('R16 Ada gave up and joined again: the late answer to her first click is left, the second one goes on', async () => {
  const ada = adaPage()
  ada.livekit.connect = () => Promise.resolve()
  ada.session.join('garden')
  await ada.after(0)
  ada.session.actor.send({ type: 'leave.requested' })
  ada.session.join('garden')
  await ada.after(0)
  ada.joins[0]!.answer()
  await ada.after(0)
  expect(ada.is).toBe('asking')
  expect(ada.left).toEqual([place])
  ada.joins[1]!.answer()
  await ada.after(0)
  expect(ada.isConnected()).toBe(true)
  expect(ada.session.actor.getSnapshot().context.connectionId).toBe('a2')
  expect(ada.left).toEqual([place])
})
