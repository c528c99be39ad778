import { afterEach, expect, test } from 'vitest'
import type { Call, Fact, Health, Join } from '../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../support/running-app.ts'
import { until } from '../support/until.ts'

/** The machine's clock is set while people wait, in the whole server: as late NTP does, or a machine that slept. */
let app: RunningApp
let byMs: number
const wall = () => Date.now() + byMs
const hour = 3_600_000
const env = { CHATTO_CALLS_DOUBT_S: '2' }

afterEach(() => app.close())

const timesOf = async (ada: Person, roomId: string) => {
  const { entries } = await ada.get<{ entries: Fact[] }>(`/api/rooms/${roomId}/timeline`)
  return entries.map((fact) => fact.at)
}
const closing = ({ callId, connectionId, call }: Join, person: Person) =>
  person.post(`/api/rooms/${call.roomId}/call/leave`, { callId, connectionId, closing: true })
const shown = async (ada: Person, roomId: string) =>
  (await ada.get<Call | null>(`/api/rooms/${roomId}/call`))?.participants.map((p) => p.userId)
const warnings = () =>
  app.logLines
    .map((line) => JSON.parse(line) as { level: number; msg: string; trouble?: string })
    .filter(({ trouble }) => trouble === 'machine-clock')

async function wrongPasswords(login: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await app.ask('POST', '/api/auth/login', { body: { login, password: 'not this one' } })
  }
}

async function retryAfterMs(login: string): Promise<number> {
  const body = { login, password: 'not this one' }
  const { body: answer } = await app.ask('POST', '/api/auth/login', { body })
  const { error } = answer as { error: { code: string; details: { retryAfterMs?: number } } }
  return error.code === 'slow-down' ? (error.details.retryAfterMs ?? NaN) : 0
}

test.each([-hour, -60_000, hour])(
  'R53 R54 I7 the clock is set by %i ms: a doubt of two seconds and a wait of one are that, nothing goes back, one line says so',
  async (step) => {
    byMs = 0
    app = await runApp({ wall, env, logLevel: 'info' })
    const ada = await app.signUp('ada')
    const bo = await app.signUp('bo')
    await app.signUp('dee')
    const room = await ada.makeRoom('Bridge')
    await bo.enter(room)
    const [, bos] = [await ada.join(room), await bo.join(room)]
    await closing(bos, bo)
    await wrongPasswords('dee', 5)
    await ada.say(room, 'before')

    byMs = step
    expect(await retryAfterMs('dee')).toBeLessThanOrEqual(1_000)
    await until('Bo is gone', 8_000, async () => {
      const there = await shown(ada, room.id)
      return there?.length === 1 && there[0] === ada.id
    })
    await until('Dee may try again', 5_000, async () => (await retryAfterMs('dee')) === 0)

    // Eve's tab is closed after the step.
    const eve = await app.signUp('eve')
    await eve.enter(room)
    await closing(await eve.join(room), eve)
    await until('Eve is gone', 8_000, async () => (await shown(ada, room.id))?.length === 1)
    await ada.say(room, 'after')
    const times = await timesOf(ada, room.id)
    expect(times).toEqual(times.toSorted((a, b) => a - b))

    expect(warnings().filter(({ level }) => level === 40)).toEqual([
      expect.objectContaining({
        msg: expect.stringContaining(
          `clock was set ${step < 0 ? 'back' : 'forward'} by ${Math.abs(step) / 1000} s`,
        ),
      }),
    ])
    const { troubles } = await ada.get<Health>('/api/admin/health')
    expect(troubles.map(({ code }) => code)).toContain('machine-clock')
  },
  60_000,
)

test('R53 a doubt that was open when the server stopped is over in time, though the clock was an hour ahead until then', async () => {
  byMs = hour
  const first = await runApp({ wall, env: { CHATTO_CALLS_DOUBT_S: '6' } })
  const cleo = await first.signUp('cleo')
  const bo = await first.signUp('bo')
  const room = await cleo.makeRoom('Bridge')
  await bo.enter(room)
  const [, bos] = [await cleo.join(room), await bo.join(room)]
  await closing(bos, bo)
  const said = await cleo.say(room, 'before')
  await first.stop()

  byMs = 0
  app = await runApp({
    wall,
    env: { CHATTO_CALLS_DOUBT_S: '6' },
    folder: first.folder,
    logLevel: 'info',
  })
  const again = { headers: { authorization: `Bearer ${cleo.token}` } }
  await until('Bo is gone', 20_000, async () => {
    const { body } = await app.ask('GET', `/api/rooms/${room.id}/call`, again)
    return (body as Call).participants.length === 1
  })
  const after = await app.ask('POST', `/api/rooms/${room.id}/messages`, {
    ...again,
    body: { text: 'after' },
  })
  expect((after.body as Fact).at).toBeGreaterThan(said.at)
  expect(warnings()).toMatchObject([
    { msg: expect.stringContaining('is later than this machine’s clock') },
  ])
}, 60_000)

test('R53 an account that is deleted after the clock was set back is signed out everywhere at once', async () => {
  byMs = hour
  app = await runApp({ wall, env })
  const ada = await app.signUp('ada')
  const bo = await app.signUp('bo')
  const live = await bo.live()
  byMs = 0
  await ada.ask('DELETE', `/api/users/${bo.id}`)
  expect(await live.closed).toMatchObject({ code: 4403 })
}, 60_000)
