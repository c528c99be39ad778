import { DisconnectReason } from '@livekit/protocol'
import { createActor, fromPromise, SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import type {
  ChangeCause,
  Checked,
  DeviceTrouble,
  JoinOutcome,
  Place,
  VoiceSessionEffect,
  VoiceSessionEvent,
} from '../../machines/voice-session.events.ts'
import { deviceOf, voiceSessionMachine, wishesOf } from '../../machines/voice-session.machine.ts'
import {
  afterDisconnect,
  endingOf,
  endings,
  failures,
  isFailure,
  isRefusal,
  refusals,
  type DisconnectName,
  type OverReason,
  type Standing,
} from '../../machines/voice-session.reasons.ts'
import type { JoinInput } from '../../machines/voice-session.setup.ts'

/** What the session asks for: what it emits, what its devices emit, which promises it invokes or leaves. */
type Asked =
  | VoiceSessionEffect
  | ({ type: 'check' } & JoinInput)
  | ({ type: 'ask' } & JoinInput)
  | { type: 'connect' }
  | { type: 'hang.up'; place: Place }
  | { type: 'set.microphone' | 'set.camera'; enabled: boolean }
  /** An answer that nobody waits for any more: whoever keeps the promise is told by its signal. */
  | { type: 'abandoned'; what: string }

type Device = 'microphone' | 'camera'
const devices = ['microphone', 'camera'] as const

interface Held {
  resolve(output?: unknown): void
  reject(error: Error): void
}

/** One thing that happens to a page. */
type Step = (page: Page) => void
type Page = ReturnType<typeof openPage>

/** Ada's page: its promises are kept when the story says so, its time is the story's. */
function openPage() {
  const clock = new SimulatedClock()
  const asked: Asked[] = []
  /** What our server says of Ada when it is asked. */
  const server = { says: Promise.resolve<Standing>('in-call') }
  /** The latest promise of each kind. */
  const held = new Map<string, Held>()

  function hold<T>(what: string, signal: AbortSignal): Promise<T> {
    signal.addEventListener('abort', () => asked.push({ type: 'abandoned', what }))
    return new Promise<T>((resolve, reject) => {
      held.set(what, { resolve: (output) => resolve(output as T), reject })
    })
  }

  const actor = createActor(
    voiceSessionMachine.provide({
      actors: {
        check: fromPromise<Checked, JoinInput>(({ input, signal }) => {
          asked.push({ type: 'check', ...input })
          return hold('check', signal)
        }),
        join: fromPromise<JoinOutcome, JoinInput>(({ input, signal }) => {
          asked.push({ type: 'ask', ...input })
          return hold('join', signal)
        }),
        connect: fromPromise<void>(({ signal }) => {
          asked.push({ type: 'connect' })
          return hold('connect', signal)
        }),
        standing: fromPromise<Standing, Place>(() => server.says),
        hangUp: fromPromise<void, Place>(({ input, signal }) => {
          asked.push({ type: 'hang.up', place: input })
          return hold('hangUp', signal)
        }),
      },
    }),
    {
      clock,
      input: { timing: { joinMs: 20_000, giveUpMs: 60_000, retryDelaysMs: [0, 500, 1000] } },
    },
  )
  actor.on('*', (effect) => asked.push(effect))
  for (const device of devices) {
    const child = actor.getSnapshot().children[device]
    child?.on('set', ({ enabled }) => asked.push({ type: `set.${device}`, enabled }))
  }
  actor.start()

  const own = (device: Device) => deviceOf(actor.getSnapshot(), device)

  /** `pending.opening` and `pending.closing` both show as pending. */
  function shown(device: Device): string | undefined {
    const { value } = own(device)
    return typeof value === 'string' ? value : Object.keys(value)[0]
  }

  const page = {
    actor,
    clock,
    held,
    server,
    /** With the devices, while one is in. */
    get value(): unknown {
      const { value } = actor.getSnapshot()
      if (typeof value === 'string' || !('connected' in value)) return value
      const devices = { microphone: shown('microphone'), camera: shown('camera') }
      return { connected: { ...devices, ...(value.connected as object) } }
    },
    get context() {
      return actor.getSnapshot().context
    },
    get wishes() {
      return wishesOf(actor.getSnapshot())
    },
    trouble: (device: Device) => own(device).context.trouble,
    /** All that is remembered. */
    get everything(): string {
      const { value, context } = actor.getSnapshot()
      const ofDevices = devices.map((device) => [own(device).value, own(device).context])
      return JSON.stringify([value, context, ofDevices])
    },
    /** What was asked for since the last look. */
    asked: () => asked.splice(0),
    /** One after the other; what a promise answers is taken before the next. */
    async goes(...steps: Step[]) {
      for (const step of [...steps, () => undefined]) {
        step(page)
        await new Promise((resolve) => setImmediate(resolve))
      }
      return page
    },
  }
  return page
}

const tellPage = (...steps: Step[]): Promise<Page> => openPage().goes(...steps)

const tell =
  (event: VoiceSessionEvent): Step =>
  ({ actor }) =>
    actor.send(event)
const kept =
  (what: string, output?: unknown): Step =>
  ({ held }) =>
    held.get(what)?.resolve(output)

const click = (roomId = 'release', connectionId = 'a1') =>
  tell({
    type: 'join.requested',
    roomId,
    connectionId,
    wishes: { microphone: true, camera: false },
    expectedCallId: null,
  })
const reload = (wishes = { microphone: false, camera: true }) =>
  tell({
    type: 'join.requested',
    roomId: 'release',
    connectionId: 'a2',
    wishes,
    expectedCallId: 'call1',
  })
const checked = (outcome: Checked) => kept('check', outcome)
const pass = checked('may-join')
const answer = (callId = 'call1', connectionId = 'a1') => kept('join', { callId, connectionId })
const refuse = (reason: OverReason) => kept('join', { refused: reason })
const up = kept('connect')
const fail =
  (reason: string): Step =>
  ({ held }) =>
    held.get('connect')?.reject(new Error(reason))
const left = kept('hangUp')
const lose =
  (reason: DisconnectName, standing?: Standing): Step =>
  (page) => {
    if (standing) page.server.says = Promise.resolve(standing)
    page.actor.send({ type: 'livekit.disconnected', reason })
  }
const after =
  (ms: number): Step =>
  ({ clock }) =>
    clock.increment(ms)
/** The first try does not wait. */
const retry = after(0)
const leave = tell({ type: 'leave.requested' })
const want = (device: Device | 'screen', enabled: boolean) =>
  tell({ type: `${device}.wanted`, enabled })
const cannotOpen = (device: Device | 'screen', trouble: DeviceTrouble) =>
  tell({ type: `${device}.failed`, trouble })
const changed =
  (device: Device | 'screen') =>
  (published: boolean, cause: ChangeCause = 'asked') =>
    tell({ type: `${device}.changed`, published, cause })
const microphone = changed('microphone')
const camera = changed('camera')
const screen = changed('screen')

async function connected(...steps: Step[]) {
  const page = await tellPage(click(), pass, answer(), up, microphone(true))
  page.asked()
  return page.goes(...steps)
}

const inCall = (
  microphone: string,
  { camera = 'off', screen = 'off', media = 'ok' }: Record<string, string> = {},
) => ({ connected: { microphone, camera, screen, media } })

const place = { roomId: 'release', callId: 'call1', connectionId: 'a1' }

describe('joining', () => {
  test('Ada joins: the check comes before the join, the join before LiveKit, the microphone last', async () => {
    const page = await tellPage(click())
    expect(page.value).toBe('checking')
    expect((await page.goes(pass)).value).toBe('asking')
    expect((await page.goes(answer())).value).toBe('connecting')
    expect((await page.goes(up)).value).toEqual(inCall('pending'))
    expect((await page.goes(microphone(true))).value).toEqual(inCall('on'))
    expect(page.asked()).toEqual([
      { type: 'check', roomId: 'release', connectionId: 'a1', expectedCallId: null },
      { type: 'ask', roomId: 'release', connectionId: 'a1', expectedCallId: null },
      { type: 'connect' },
      { type: 'set.microphone', enabled: true },
    ])
  })

  test('R44 a browser that cannot encrypt is refused before anything is sent', async () => {
    const page = await tellPage(click(), checked('cannot-encrypt'))
    expect(page.value).toBe('refused')
    expect(page.context.reason).toBe('cannot-encrypt')
    expect(page.asked().map(({ type }) => type)).toEqual(['check', 'release'])
  })

  test.each([...refusals])(
    'R11 a join that is refused as %s is over, with its reason',
    async (reason) => {
      const page = await tellPage(click(), pass, refuse(reason))
      expect(page.value).toBe('refused')
      expect(page.context.reason).toBe(reason)
    },
  )

  test.each([...failures])('a join that fails as %s can be tried again', async (reason) => {
    const page = await tellPage(click(), pass, refuse(reason))
    expect(page.value).toBe('failed')
    expect(page.context.reason).toBe(reason)
    expect((await page.goes(click('release', 'a2'))).value).toBe('checking')
    expect(page.context).toMatchObject({ reason: null, connectionId: 'a2' })
  })

  test('R4 the call ended while Ada asked: that is said', async () => {
    const page = await tellPage(click(), pass, refuse('call-ended'))
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe('call-ended')
  })

  test.each(['livekit-unreachable', 'media-blocked'] as const)(
    'R54 %s while joining: our server is told that Ada is not in the call, and why',
    async (reason) => {
      const page = await tellPage(click(), pass, answer())
      page.asked()
      await page.goes(fail(reason))
      expect(page.value).toBe('failed')
      expect(page.context.reason).toBe(reason)
      expect(page.asked()).toEqual([
        { type: 'tell.leave', place, failed: reason },
        { type: 'release' },
      ])
    },
  )

  test('R18 the connection id that the server gives counts, not the one that was asked for', async () => {
    const page = await tellPage(click(), pass, answer('call1', 'fresh'))
    expect(page.context.connectionId).toBe('fresh')
  })

  test('what Ada chooses while she joins is done when she is in', async () => {
    const page = await tellPage(click(), pass)
    await page.goes(want('microphone', false))
    await page.goes(want('camera', true))
    await page.goes(answer(), up)
    expect(page.value).toEqual(inCall('off', { camera: 'pending' }))
    expect(page.asked().at(-1)).toEqual({ type: 'set.camera', enabled: true })
  })
})

describe('leaving', () => {
  test('R16 Ada hangs up: one promise does it in order, and then nothing is left', async () => {
    const page = await connected(leave)
    expect(page.value).toBe('leaving')
    expect(page.asked()).toEqual([{ type: 'hang.up', place }])
    await page.goes(left)
    expect(page.value).toBe('idle')
    expect(page.context).toMatchObject({ roomId: null, callId: null, connectionId: null })
    expect(page.asked()).toEqual([{ type: 'release' }])
  })

  // What is answered to an abandoned join is left on the server by whoever kept the promise:
  // test/web/call/voice-session.test.ts.

  test('R16 a join that Ada gave up is idle at once, and abandoned', async () => {
    const page = await tellPage(click(), pass)
    page.asked()
    await page.goes(leave)
    expect(page.value).toBe('idle')
    expect(page.context).toMatchObject({ roomId: null, callId: null, connectionId: null })
    expect(page.asked()).toEqual([{ type: 'abandoned', what: 'join' }, { type: 'release' }])
    await page.goes(answer())
    expect(page.value).toBe('idle')
    expect(page.asked()).toEqual([])
  })

  test('R16 a join that was given up and then refused leaves nothing behind', async () => {
    const page = await tellPage(click(), pass, leave)
    page.asked()
    expect((await page.goes(refuse('server-unreachable'))).value).toBe('idle')
    expect(page.asked()).toEqual([])
  })

  test('R16 Ada gave up and joined again: the late answer to her first click is not hers, the second one goes on', async () => {
    const page = await tellPage(click('release', 'a1'), pass)
    const first = page.held.get('join')
    await page.goes(leave, click('release', 'a2'), pass)
    page.asked()
    first?.resolve({ callId: 'call1', connectionId: 'a1' })
    await page.goes()
    expect(page.value).toBe('asking')
    await page.goes(answer('call1', 'a2'), up, microphone(true))
    expect(page.value).toEqual(inCall('on'))
    expect(page.context.connectionId).toBe('a2')
    expect(page.asked().map(({ type }) => type)).toEqual(['connect', 'set.microphone'])
  })

  test('R16 a join that was never answered in time has failed, and is abandoned', async () => {
    const page = await tellPage(click(), pass, after(19_999))
    expect(page.value).toBe('asking')
    page.asked()
    await page.goes(after(1))
    expect(page.value).toBe('failed')
    expect(page.context.reason).toBe('server-unreachable')
    expect(page.asked()).toEqual([{ type: 'abandoned', what: 'join' }, { type: 'release' }])
    await page.goes(answer())
    expect(page.value).toBe('failed')
    expect(page.asked()).toEqual([])
  })

  test('R16 a join that is never answered on the way back is asked again', async () => {
    const page = await connected(lose('UNKNOWN_REASON'), retry, after(20_000))
    expect(page.value).toEqual({ returning: 'waiting' })
    page.asked()
    await page.goes(after(500), answer(), up)
    expect(page.value).toEqual(inCall('pending'))
  })

  test('R12 a late answer to an earlier try of the connection that Ada is in changes nothing', async () => {
    const page = await connected(lose('UNKNOWN_REASON'), retry)
    const late = page.held.get('join')
    await page.goes(after(20_000), after(500), answer(), up)
    page.asked()
    late?.resolve({ callId: 'call1', connectionId: 'a1' })
    await page.goes()
    expect(page.value).toEqual(inCall('pending'))
    expect(page.asked()).toEqual([])
  })

  test('R16 given up while LiveKit is being reached: idle at once, and our server is told', async () => {
    const page = await tellPage(click(), pass, answer())
    page.asked()
    expect((await page.goes(leave)).value).toBe('idle')
    expect(page.asked()).toEqual([
      { type: 'abandoned', what: 'connect' },
      { type: 'tell.leave', place },
      { type: 'release' },
    ])
  })

  test('given up before anything was sent: nothing is told', async () => {
    const page = await tellPage(click(), leave)
    expect(page.value).toBe('idle')
    expect(page.asked().map(({ type }) => type)).toEqual(['check', 'abandoned', 'release'])
  })

  test('R12 answers of an earlier attempt change nothing', async () => {
    const page = await tellPage(click(), pass)
    const late = page.held.get('join')
    await page.goes(after(20_000), click('release', 'a2'), pass)
    page.asked()
    late?.resolve({ callId: 'call1', connectionId: 'a2' })
    await page.goes()
    expect(page.value).toBe('asking')
    expect(page.asked()).toEqual([])
    await page.goes(answer('call1', 'a2'))
    const connecting = page.held.get('connect')
    await page.goes(leave, click('release', 'a3'), pass, answer('call1', 'a3'))
    connecting?.resolve()
    await page.goes()
    expect(page.value).toBe('connecting')
  })

  test('a promise that is broken is no end of the page: it has failed, and can be tried again', async () => {
    for (const what of ['check', 'join']) {
      const page = await tellPage(click(), ...(what === 'join' ? [pass] : []))
      page.held.get(what)?.reject(new Error('a bug'))
      await page.goes()
      expect(page.value).toBe('failed')
      expect(page.context.reason).toBe('server-unreachable')
      expect((await page.goes(click('release', 'a2'))).value).toBe('checking')
    }
    const page = await connected(leave)
    page.held.get('hangUp')?.reject(new Error('a bug'))
    expect((await page.goes()).value).toBe('idle')
  })
})

describe('microphone and camera', () => {
  test('F10 the microphone shows what is published, not what was clicked', async () => {
    const page = await connected(want('microphone', false))
    expect(page.value).toEqual(inCall('pending'))
    expect(page.asked()).toEqual([{ type: 'set.microphone', enabled: false }])
    expect((await page.goes(microphone(false))).value).toEqual(inCall('off'))
  })

  test('F10 an answer to an older click does not show what is not wanted any more', async () => {
    const page = await connected(want('microphone', false))
    await page.goes(want('microphone', true))
    expect((await page.goes(microphone(false))).value).toEqual(inCall('pending'))
    expect((await page.goes(microphone(true))).value).toEqual(inCall('on'))
    expect(page.asked()).toEqual([
      { type: 'set.microphone', enabled: false },
      { type: 'set.microphone', enabled: true },
    ])
  })

  test('F10 what LiveKit mutes by itself is followed, and stays so over a return', async () => {
    const page = await connected(microphone(false, 'device'))
    expect(page.value).toEqual(inCall('off'))
    await page.goes(lose('SERVER_SHUTDOWN'), retry, answer(), up)
    expect(page.value).toEqual(inCall('off'))
  })

  test.each(['denied', 'missing', 'busy', 'failed'] as const)(
    'F21 a microphone that is %s keeps Ada in the call, and is asked again on a click',
    async (trouble) => {
      const page = await tellPage(click(), pass, answer(), up)
      await page.goes(cannotOpen('microphone', trouble))
      expect(page.value).toEqual(inCall('refused'))
      expect(page.trouble('microphone')).toBe(trouble)
      expect(page.wishes).toMatchObject({ microphone: false })
      await page.goes(want('microphone', true))
      expect(page.value).toEqual(inCall('pending'))
      expect(page.trouble('microphone')).toBeNull()
    },
  )

  test('F21 the camera is not asked for before it is turned on', async () => {
    const page = await tellPage(click(), pass, answer(), up, microphone(true))
    expect(page.asked().some(({ type }) => type === 'set.camera')).toBe(false)
    await page.goes(want('camera', true))
    await page.goes(cannotOpen('camera', 'busy'))
    expect(page.value).toEqual(inCall('on', { camera: 'refused' }))
    expect(page.trouble('camera')).toBe('busy')
    await page.goes(want('camera', true))
    await page.goes(camera(true))
    expect(page.value).toEqual(inCall('on', { camera: 'on' }))
    await page.goes(camera(false, 'device'))
    expect(page.value).toEqual(inCall('on'))
  })

  test('F15 a share ends from the browser’s own bar; one that fails keeps the call', async () => {
    const page = await connected(want('screen', true))
    await page.goes(screen(true))
    expect(page.value).toEqual(inCall('on', { screen: 'on' }))
    await page.goes(screen(false, 'device'))
    expect(page.value).toEqual(inCall('on'))
    await page.goes(want('screen', true))
    await page.goes(cannotOpen('screen', 'denied'))
    expect(page.value).toEqual(inCall('on'))
    expect(page.context.screenTrouble).toBe('denied')
  })
})

describe('coming back', () => {
  test('F18 LiveKit’s own reconnecting shows, and nothing else moves', async () => {
    const page = await connected()
    await page.goes(tell({ type: 'livekit.reconnecting' }))
    expect(page.value).toEqual(inCall('on', { media: 'reconnecting' }))
    await page.goes(tell({ type: 'livekit.reconnected' }))
    expect(page.value).toEqual(inCall('on'))
  })

  test('F19 LiveKit restarts: Ada comes back by herself into the same call, by the same connection', async () => {
    const page = await connected(lose('SERVER_SHUTDOWN'))
    expect(page.value).toEqual({ returning: 'waiting' })
    expect(page.asked()).toEqual([{ type: 'announce', what: 'lost' }])
    await page.goes(retry)
    expect(page.asked()).toMatchObject([
      { type: 'ask', roomId: 'release', connectionId: 'a1', expectedCallId: 'call1' },
    ])
    await page.goes(answer(), up)
    expect(page.value).toEqual(inCall('pending'))
    expect(page.asked().map((effect) => effect.type)).toEqual([
      'connect',
      'announce',
      'set.microphone',
    ])
    expect(page.context).toMatchObject({ tries: 0 })
  })

  test('F19 the pauses between tries grow, and end in giving up, which our server is told', async () => {
    const page = await connected(lose('UNKNOWN_REASON'))
    /** Not a millisecond before. */
    async function triesAfter(pauseMs: number) {
      if (pauseMs > 0) await page.goes(after(pauseMs - 1))
      expect(page.value).toEqual({ returning: 'waiting' })
      await page.goes(after(pauseMs > 0 ? 1 : 0))
      expect(page.value).toEqual({ returning: 'asking' })
    }
    await triesAfter(0)
    await page.goes(refuse('server-unreachable'))
    await triesAfter(500)
    await page.goes(answer(), fail('livekit-unreachable'))
    await triesAfter(1000)
    await page.goes(refuse('server-unreachable'))
    await triesAfter(1000)
    await page.goes(refuse('server-unreachable'))
    // Of the sixty seconds, two and a half are over; a join that is not answered takes twenty.
    await page.goes(after(1000), after(20_000), after(1000), after(20_000), after(1000))
    await page.goes(after(14_499))
    expect(page.value).toEqual({ returning: 'asking' })
    page.asked()
    await page.goes(after(1))
    expect(page.value).toBe('failed')
    expect(page.context.reason).toBe('gave-up')
    expect(page.asked()).toEqual([
      { type: 'abandoned', what: 'join' },
      { type: 'tell.leave', place },
      { type: 'release' },
    ])
  })

  test('F19 a page that was frozen for an hour tries when it wakes', async () => {
    const page = await connected(lose('CLIENT_INITIATED'), retry, refuse('server-unreachable'))
    // Frozen: none of its time passes. What was left of it does not count.
    await page.goes(after(499), tell({ type: 'page.resumed' }))
    expect(page.value).toEqual({ returning: 'asking' })
    await page.goes(after(19_999), refuse('server-unreachable'), after(500))
    await page.goes(after(19_999), refuse('server-unreachable'), after(1000), after(18_501))
    expect(page.value).toEqual({ returning: 'asking' })
    expect((await page.goes(after(1))).value).toBe('failed')
  })

  test('F19 the network is back: the next try does not wait', async () => {
    const page = await connected(lose('SIGNAL_CLOSE'))
    expect((await page.goes(tell({ type: 'network.online' }))).value).toEqual({
      returning: 'asking',
    })
  })

  test('R15 the call ended meanwhile: Ada gives up rather than start another one', async () => {
    const page = await connected(lose('UNKNOWN_REASON'), retry, refuse('call-ended'))
    expect(page.value).toBe('failed')
    expect(page.context.reason).toBe('gave-up')
  })

  test('R15 the answer names another call: it is left at once', async () => {
    const page = await connected(lose('UNKNOWN_REASON'), retry)
    page.asked()
    await page.goes(answer('call2'))
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe('call-ended')
    expect(page.asked()).toEqual([
      { type: 'tell.leave', place: { ...place, callId: 'call2' } },
      { type: 'release' },
    ])
  })

  test('Ada can hang up while she is being brought back', async () => {
    const waiting = await connected(lose('UNKNOWN_REASON'), leave)
    expect(waiting.value).toBe('leaving')
    const asking = await connected(lose('UNKNOWN_REASON'), retry, leave)
    expect(asking.value).toBe('idle')
    expect(asking.asked().slice(-3)).toEqual([
      { type: 'abandoned', what: 'join' },
      { type: 'tell.leave', place },
      { type: 'release' },
    ])
  })

  test('muting while one is being brought back holds', async () => {
    const page = await connected(lose('UNKNOWN_REASON'))
    await page.goes(want('microphone', false), retry, answer(), up)
    expect(page.value).toEqual(inCall('off'))
  })

  test('F19 a reload comes back with the same microphone and camera', async () => {
    const page = await tellPage(reload(), pass, answer('call1', 'a2'), up)
    expect(page.value).toEqual(inCall('off', { camera: 'pending' }))
    expect(page.asked()).toMatchObject([
      { type: 'check', expectedCallId: 'call1' },
      { type: 'ask', connectionId: 'a2', expectedCallId: 'call1' },
      { type: 'connect' },
      { type: 'set.camera', enabled: true },
    ])
  })

  test('F19 a duplicated tab stays out of the call without a word', async () => {
    const page = await tellPage(reload())
    await page.goes(checked('nothing-to-return-to'))
    expect(page.value).toBe('idle')
    expect(page.context).toMatchObject({ reason: null, callId: null })
  })

  test('a membership that went while away ends it', async () => {
    const page = await connected(lose('UNKNOWN_REASON'), retry, refuse('not-a-member'))
    expect(page.value).toBe('refused')
    expect(page.context.reason).toBe('not-a-member')
  })
})

describe('what a loss leaves behind is nobody’s wish', () => {
  async function allOn(...steps: Step[]) {
    const page = await connected(want('camera', true), camera(true))
    page.asked()
    return page.goes(...steps)
  }

  test('F19 LiveKit’s client unpublishes on its way out: Ada comes back with microphone and camera', async () => {
    const page = await allOn()
    await page.goes(tell({ type: 'livekit.reconnecting' }))
    await page.goes(microphone(false, 'loss'), camera(false, 'loss'))
    expect(page.wishes).toEqual({ microphone: true, camera: true })
    await page.goes(lose('UNKNOWN_REASON'), retry, answer(), up)
    expect(page.value).toEqual(inCall('pending', { camera: 'pending' }))
    expect(page.asked().slice(-2)).toEqual([
      { type: 'set.microphone', enabled: true },
      { type: 'set.camera', enabled: true },
    ])
  })

  test('F19 a repaired connection that carries them no more: both are opened again', async () => {
    const page = await allOn(microphone(false, 'loss'), camera(false, 'loss'))
    expect(page.value).toEqual(inCall('pending', { camera: 'pending' }))
    expect(page.asked()).toEqual([
      { type: 'set.microphone', enabled: true },
      { type: 'set.camera', enabled: true },
    ])
    expect((await page.goes(microphone(true), camera(true))).value).toEqual(
      inCall('on', { camera: 'on' }),
    )
  })

  test('F19 lost again while the microphone opens: it is asked for once more', async () => {
    const page = await connected(lose('UNKNOWN_REASON'), retry, answer(), up)
    page.asked()
    await page.goes(microphone(false, 'loss'))
    expect(page.asked()).toEqual([{ type: 'set.microphone', enabled: true }])
    expect(page.value).toEqual(inCall('pending'))
  })

  test.each(['SERVER_SHUTDOWN', 'UNKNOWN_REASON', 'MEDIA_FAILURE', 'CLIENT_INITIATED'] as const)(
    'F19 who was muted is never live after %s',
    async (reason) => {
      const page = await allOn()
      await page.goes(want('microphone', false), microphone(false))
      await page.goes(want('camera', false), camera(false))
      page.asked()
      await page.goes(lose(reason), retry, answer(), up)
      expect(page.value).toEqual(inCall('off'))
      expect(page.asked().some(({ type }) => type.startsWith('set.'))).toBe(false)
    },
  )

  test('F19 muted by a device or by LiveKit, one stays so after a loss', async () => {
    const page = await allOn(microphone(false, 'device'), camera(false, 'device'))
    await page.goes(lose('UNKNOWN_REASON'), retry, answer(), up)
    expect(page.value).toEqual(inCall('off'))
  })

  test.each(['loss', 'device', 'asked'] as const)(
    'F10 what is live although Ada muted it (%s) is closed again',
    async (cause) => {
      const page = await connected()
      await page.goes(want('microphone', false), microphone(false))
      page.asked()
      await page.goes(microphone(true, cause), camera(true, cause))
      expect(page.asked()).toEqual([
        { type: 'set.microphone', enabled: false },
        { type: 'set.camera', enabled: false },
      ])
      expect((await page.goes(microphone(false), camera(false))).value).toEqual(inCall('off'))
    },
  )

  test('F15 a screen that a short loss leaves published, or brings back, shows as shared', async () => {
    const page = await connected(want('screen', true), screen(true))
    expect((await page.goes(screen(true, 'loss'))).value).toEqual(inCall('on', { screen: 'on' }))
    await page.goes(screen(false, 'device'), screen(true, 'device'))
    expect(page.value).toEqual(inCall('on', { screen: 'on' }))
    page.asked()
    await page.goes(want('screen', false))
    expect(page.asked()).toEqual([{ type: 'set.screen', enabled: false }])
  })

  test('F15 a screen that a loss took is told of, once: on return, or at once when the call stood', async () => {
    const shares = async (...steps: Step[]) => {
      const page = await connected(want('screen', true), screen(true))
      page.asked()
      return page.goes(...steps)
    }
    const said = (page: Page) =>
      page.asked().flatMap((effect) => (effect.type === 'announce' ? [effect.what] : []))

    const stood = await shares(screen(false, 'loss'))
    expect(said(stood)).toEqual(['screen-lost'])

    const page = await shares(lose('UNKNOWN_REASON'), retry, answer(), up)
    expect(page.value).toEqual(inCall('pending'))
    expect(said(page)).toEqual(['lost', 'back-without-screen'])
    await page.goes(microphone(true), lose('UNKNOWN_REASON'), retry, answer(), up)
    expect(said(page)).toEqual(['lost', 'back'])
  })

  test('F15 a screen that Ada or her browser stopped is no loss', async () => {
    for (const cause of ['asked', 'device'] as const) {
      const page = await connected(want('screen', true), screen(true))
      await page.goes(screen(false, cause))
      await page.goes(lose('UNKNOWN_REASON'), retry, answer(), up)
      expect(page.asked()).toContainEqual({ type: 'announce', what: 'back' })
    }
  })

  test('F19 the network is back while LiveKit’s client waits: Ada joins anew at once, unless she shares', async () => {
    const online: VoiceSessionEvent = { type: 'network.online' }
    const page = await allOn()
    expect((await page.goes(tell(online))).value).toEqual(inCall('on', { camera: 'on' }))
    await page.goes(tell({ type: 'livekit.reconnecting' }), tell(online))
    expect(page.value).toEqual({ returning: 'asking' })
    expect(page.asked()).toMatchObject([{ type: 'ask', expectedCallId: 'call1' }])
    await page.goes(answer(), up)
    expect(page.value).toEqual(inCall('pending', { camera: 'pending' }))

    const sharing = await allOn(want('screen', true), screen(true))
    await sharing.goes(tell({ type: 'livekit.reconnecting' }), tell(online))
    expect(sharing.value).toEqual(
      inCall('on', { camera: 'on', screen: 'on', media: 'reconnecting' }),
    )
  })
})

describe('LiveKit lets go', () => {
  const all = Object.entries(DisconnectReason).filter(
    (entry): entry is [DisconnectName, DisconnectReason] => typeof entry[1] === 'number',
  )

  test('every reason that LiveKit knows has its consequence', () => {
    expect(all.map(([name]) => name).toSorted()).toEqual(Object.keys(afterDisconnect).toSorted())
    expect(all.map(([, number]) => Number(number))).toEqual([...Array(17).keys()])
  })

  const expected: Record<DisconnectName, string> = {
    UNKNOWN_REASON: 'returning',
    CLIENT_INITIATED: 'returning',
    DUPLICATE_IDENTITY: 'moved-to-another-device',
    SERVER_SHUTDOWN: 'returning',
    PARTICIPANT_REMOVED: 'moved-to-another-device',
    ROOM_DELETED: 'call-ended',
    STATE_MISMATCH: 'returning',
    JOIN_FAILURE: 'returning',
    MIGRATION: 'returning',
    SIGNAL_CLOSE: 'returning',
    ROOM_CLOSED: 'call-ended',
    USER_UNAVAILABLE: 'gave-up',
    USER_REJECTED: 'gave-up',
    SIP_TRUNK_FAILURE: 'gave-up',
    CONNECTION_TIMEOUT: 'returning',
    MEDIA_FAILURE: 'returning',
    AGENT_ERROR: 'returning',
  }

  test.each(all.map(([name]) => name))('%s leads where the table says', async (name) => {
    const page = await connected(lose(name))
    const { value, context } = page
    if (expected[name] === 'returning') expect(value).toEqual({ returning: 'waiting' })
    else {
      expect(context.reason).toBe(expected[name])
      expect(value).toBe(expected[name] === 'gave-up' ? 'failed' : 'ended')
    }
  })

  test.each([
    ['in-call', 'moved-to-another-device'],
    ['not-in-call', 'removed'],
    ['call-over', 'call-ended'],
    ['room-gone', 'room-gone'],
  ] as const)(
    'R9 R18 removed from LiveKit while our server says %s: %s',
    async (standing, reason) => {
      const page = await connected(lose('PARTICIPANT_REMOVED', standing))
      expect(page.value).toBe('ended')
      expect(page.context.reason).toBe(reason)
      expect(page.asked()).toEqual([{ type: 'release' }])
    },
  )

  test('a LiveKit room that somebody deleted: our server is told that Ada is out', async () => {
    const page = await connected(lose('ROOM_DELETED', 'in-call'))
    expect(page.asked()).toEqual([{ type: 'tell.leave', place }, { type: 'release' }])
  })

  test('R9 the device that took over is not told to leave', async () => {
    const page = await connected(lose('DUPLICATE_IDENTITY'))
    expect(page.asked()).toEqual([{ type: 'release' }])
  })

  test('only the three that need it ask our server', () => {
    const asking = all.filter(([name]) => afterDisconnect[name] === 'ask-our-server')
    expect(asking.map(([name]) => name)).toEqual([
      'PARTICIPANT_REMOVED',
      'ROOM_DELETED',
      'ROOM_CLOSED',
    ])
    for (const [name] of asking) {
      for (const standing of ['in-call', 'not-in-call', 'call-over', 'room-gone'] as const) {
        expect(endings).toContain(endingOf(name, standing))
      }
    }
  })

  test('Ada left while our server was asked why: its answer changes nothing', async () => {
    const page = await connected()
    page.server.says = new Promise(() => undefined)
    await page.goes(lose('PARTICIPANT_REMOVED'))
    expect(page.value).toEqual(inCall('on', { media: 'dropped' }))
    await page.goes(leave, left)
    expect(page.value).toBe('idle')
    expect(page.context.reason).toBeNull()
  })
})

describe('our server speaks', () => {
  test('R19 the call ended: Ada is out, with its reason', async () => {
    const page = await connected(tell({ type: 'call.over', callId: 'call1', reason: 'call-ended' }))
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe('call-ended')
  })

  test('R25 the end of an older call changes nothing', async () => {
    const page = await connected(tell({ type: 'call.over', callId: 'call0', reason: 'call-ended' }))
    expect(page.value).toEqual(inCall('on'))
  })

  test('R18 the room is gone: Ada is out; another room’s end is not hers', async () => {
    const page = await connected(tell({ type: 'room.gone', roomId: 'design' }))
    expect(page.value).toEqual(inCall('on'))
    await page.goes(tell({ type: 'room.gone', roomId: 'release' }))
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe('room-gone')
  })

  test('R50 calls are turned off in mid-call', async () => {
    const page = await connected(tell({ type: 'call.over', callId: 'call1', reason: 'calls-off' }))
    expect(page.context.reason).toBe('calls-off')
  })
})

describe('what does not belong', () => {
  const events: VoiceSessionEvent[] = [
    { type: 'leave.requested' },
    { type: 'dismissed' },
    { type: 'microphone.wanted', enabled: false },
    { type: 'camera.wanted', enabled: true },
    { type: 'screen.wanted', enabled: true },
    { type: 'livekit.reconnecting' },
    { type: 'livekit.reconnected' },
    { type: 'livekit.disconnected', reason: 'ROOM_DELETED' },
    { type: 'microphone.changed', published: true, cause: 'device' },
    { type: 'microphone.failed', trouble: 'denied' },
    { type: 'camera.changed', published: true, cause: 'device' },
    { type: 'camera.failed', trouble: 'denied' },
    { type: 'screen.changed', published: true, cause: 'device' },
    { type: 'screen.failed', trouble: 'denied' },
    { type: 'call.over', callId: 'call9', reason: 'call-ended' },
    { type: 'room.gone', roomId: 'elsewhere' },
    { type: 'page.resumed' },
    { type: 'network.online' },
  ]

  const legal: Record<string, { page: () => Promise<Page>; takes: string[] }> = {
    idle: { page: () => tellPage(), takes: [] },
    checking: {
      page: () => tellPage(click()),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    asking: {
      page: () => tellPage(click(), pass),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    connecting: {
      page: () => tellPage(click(), pass, answer()),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    'connected, all on': {
      page: () => connected(want('camera', true), camera(true), want('screen', true), screen(true)),
      takes: [
        'leave.requested',
        'microphone.wanted',
        'microphone.failed',
        'camera.failed',
        'livekit.reconnecting',
        'livekit.disconnected',
      ],
    },
    'returning, waiting': {
      page: () => connected(lose('UNKNOWN_REASON')),
      takes: [
        'leave.requested',
        'page.resumed',
        'network.online',
        'microphone.wanted',
        'camera.wanted',
      ],
    },
    'returning, asking': {
      page: () => connected(lose('UNKNOWN_REASON'), retry),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    'returning, connecting': {
      page: () => connected(lose('UNKNOWN_REASON'), retry, answer()),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    leaving: { page: () => connected(leave), takes: [] },
    refused: { page: () => tellPage(click(), pass, refuse('call-full')), takes: ['dismissed'] },
    failed: { page: () => tellPage(click(), pass, refuse('gave-up')), takes: ['dismissed'] },
    ended: { page: () => tellPage(click(), pass, refuse('call-ended')), takes: ['dismissed'] },
  }

  test.each(Object.keys(legal))('while %s, every other event is ignored', async (name) => {
    const { page: create, takes } = legal[name]!
    for (const event of events) {
      const page = await create()
      page.asked()
      const before = page.everything
      await page.goes(tell(event))
      const isSame = page.everything === before
      const did = isSame && page.asked().length === 0 ? 'ignored' : 'taken'
      const isTaken = takes.includes(event.type)
      expect(`${event.type}: ${did}`).toBe(`${event.type}: ${isTaken ? 'taken' : 'ignored'}`)
    }
  })

  test('a second click on Join changes nothing while the first is under way', async () => {
    for (const page of [
      await tellPage(click()),
      await tellPage(click(), pass),
      await connected(),
    ]) {
      const before = page.value
      page.asked()
      expect((await page.goes(click('design', 'a9'))).value).toEqual(before)
      expect(page.context.roomId).toBe('release')
      expect(page.asked()).toEqual([])
    }
  })
})

test('every reason is of one kind', () => {
  for (const reason of refusals)
    expect([isRefusal(reason), isFailure(reason)]).toEqual([true, false])
  for (const reason of failures)
    expect([isRefusal(reason), isFailure(reason)]).toEqual([false, true])
  for (const reason of endings)
    expect([isRefusal(reason), isFailure(reason)]).toEqual([false, false])
})
