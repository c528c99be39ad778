/** A socket that does not read: what it misses, how it is caught up, and when it is cut (R48). */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Room } from '../../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'
import type { LiveClient } from '../../support/live-client.ts'

const metricsToken = 'of tests'
let at: number
let app: RunningApp
let ada: Person
let bo: Person
let log: Room
let his: LiveClient
beforeEach(async () => {
  at = 1_800_000_000_000
  app = await runApp({
    now: () => at,
    logLevel: 'debug',
    env: { CHATTO_METRICS_TOKEN: metricsToken },
  })
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
  log = await ada.makeRoom('Log')
  await bo.enter(log)
  his = await bo.live()
})
afterEach(() => app.close())

/** Fills the buffers of two kernels and of the server, until it gives up. */
async function flood(): Promise<void> {
  const text = '漢'.repeat(8_000)
  while (!app.logLines.some((line) => line.includes('does not keep up'))) {
    await Promise.all(Array.from({ length: 32 }, () => ada.say(log, text)))
  }
}

const openSockets = async () =>
  /^chatto_live_sockets (\d+)$/m.exec(
    (await app.ask('GET', '/metrics', { headers: { authorization: `Bearer ${metricsToken}` } }))
      .text,
  )?.[1]

test('R48 once it drains Bo is told of the rooms that came and went, and gets one view of each, never a gap', async () => {
  const old = await ada.makeRoom('Old')
  await bo.enter(old)
  await his.until('room', ({ room }) => room.id === old.id)
  his.forget()

  his.socket.pause()
  await flood()
  const fresh = await ada.makeRoom('Fresh', 'private')
  await ada.ask('PUT', `/api/rooms/${fresh.id}/members/${bo.id}`)
  await ada.ask('DELETE', `/api/rooms/${old.id}/members/${bo.id}`)
  const join = await ada.join(log)
  his.socket.resume()

  const view = await his.until('view', ({ roomId }) => roomId === log.id)
  const { seq, call } = await ada.get<Room>(`/api/rooms/${log.id}`)
  expect(view).toMatchObject({ seq, call: { ...call, callId: join.callId } })
  const got = his.factsOf(log.id).map((fact) => fact.seq)
  expect(got).toEqual(got.map((_, i) => i + 3))
  expect(got.at(-1)).toBeLessThan(seq - 2)
  await his.until('room-gone', ({ roomId }) => roomId === old.id)
  const gained = await his.until('room', ({ room }) => room.id === fresh.id)
  expect(gained.room).toMatchObject({ name: 'Fresh', memberCount: 2 })

  his.forget()
  await ada.say(log, 'again live')
  await ada.say(fresh, 'here, too')
  await his.until('facts', ({ roomId }) => roomId === fresh.id)
  expect(his.factsOf(log.id)).toMatchObject([{ seq: seq + 1, type: 'message.posted' }])
})

test('it is cut when it has not drained for 30 s', async () => {
  his.socket.pause()
  await flood()
  at += 29_000
  await ada.say(log, 'still waiting for Bo')
  expect(await openSockets()).toBe('1')
  at += 2_000
  await expect.poll(openSockets, { timeout: 5_000 }).toBe('0')
  his.socket.resume()
  expect((await his.closed).code).toBe(1006)
})
