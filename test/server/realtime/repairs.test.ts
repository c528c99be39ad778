/**
 * Repairs stand apart from what is live (R52): nobody waits for another's, nothing is lost or doubled
 * around one's own, and who takes nothing is owed a bounded part.
 */
import { WebSocket } from 'ws'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Room } from '../../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'
import type { LiveClient } from '../../support/live-client.ts'
import { until } from '../../support/until.ts'

/** So many messages a second a socket may send by default. */
const allowed = 100
const backlog = 200
const metricsToken = 'of tests'
let at: number
let app: RunningApp
let ada: Person
let bo: Person
let cleo: Person
let eve: Person
let room: Room
let his: LiveClient
const eves: WebSocket[] = []

beforeEach(async () => {
  at = 1_800_000_000_000
  app = await runApp({
    logLevel: 'error',
    now: () => at,
    env: { CHATTO_METRICS_TOKEN: metricsToken },
  })
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
  cleo = await app.signUp('cleo')
  eve = await app.signUp('eve')
  room = await ada.makeRoom('Log')
  for (const person of [bo, cleo, eve]) await person.enter(room)
  // Each is 48 kB on its way: a control character is six.
  const text = `\u0001x`.repeat(4_000)
  await Promise.all(Array.from({ length: backlog }, () => ada.say(room, text)))
  his = await bo.live()
})
afterEach(async () => {
  eves.splice(0).forEach((socket) => socket.terminate())
  await app.close()
})

/** Opens a socket of Eve's, which asks for the whole backlog as often as it may in a second. */
async function openGreedy({ reads }: { reads: boolean }): Promise<() => void> {
  const socket = new WebSocket(`${app.url.replace('http', 'ws')}/api/live`, {
    headers: { authorization: `Bearer ${eve.token}` },
  })
  eves.push(socket)
  await new Promise((resolve) => socket.once('message', resolve))
  if (!reads) socket.pause()
  const { seq } = await eve.get<Room>(`/api/rooms/${room.id}`)
  const sync = JSON.stringify({ type: 'sync', rooms: { [room.id]: seq - backlog } })
  return () => {
    for (let i = 0; i < allowed; i++) socket.send(sync)
  }
}

/** Holds back what the log is read for, from now on, until it is released. */
function holdLog(): { asked: Promise<void>; release(): void } {
  const { rooms } = app.store
  const { factsAfter } = rooms
  let release = () => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  const asked = new Promise<void>((resolve) => {
    rooms.factsAfter = async (...of) => {
      resolve()
      await released
      return factsAfter(...of)
    }
  })
  return {
    asked,
    release() {
      rooms.factsAfter = factsAfter
      release()
    },
  }
}

async function msUntil(what: Promise<unknown>, act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await Promise.all([what, act()])
  return performance.now() - began
}

test('R52 R46 R45 a message and a rotated key reach Bo within 250 ms, however often Eve asks to be brought up to date', async () => {
  await bo.join(room, 'page-1')
  await cleo.join(room, 'page-2')
  const greedy = [
    await openGreedy({ reads: true }),
    await openGreedy({ reads: false }),
    await openGreedy({ reads: false }),
  ]
  greedy.forEach((ask) => ask())
  const message = await msUntil(
    his.until('facts', ({ facts }) =>
      facts.some((fact) => fact.type === 'message.posted' && fact.text === 'live'),
    ),
    () => ada.say(room, 'live'),
  )
  greedy.forEach((ask) => ask())
  const key = await msUntil(
    his.until('key', ({ keyEpoch }) => keyEpoch === 1),
    () => ada.ask('DELETE', `/api/rooms/${room.id}/members/${cleo.id}`),
  )
  expect({ message, key }).toEqual({
    message: expect.toSatisfy((ms: number) => ms < 250, 'below 250 ms') as number,
    key: expect.toSatisfy((ms: number) => ms < 250, 'below 250 ms') as number,
  })
})

test('R48 I5 what becomes live while a socket is brought up to date comes after it, once each', async () => {
  const { seq } = await bo.get<Room>(`/api/rooms/${room.id}`)
  const log = holdLog()
  his.say({ type: 'sync', rooms: { [room.id]: seq - 3 } })
  await log.asked
  // Who asks for nothing is told at once.
  const hers = await ada.live()
  await ada.say(room, 'one')
  await ada.say(room, 'two')
  await hers.until('facts', (message) => message.seq === seq + 2)
  expect(his.factsOf(room.id)).toEqual([])
  log.release()
  await his.until('facts', (message) => message.seq === seq + 2)
  await ada.say(room, 'three')
  await his.until('facts', (message) => message.seq === seq + 3)
  expect(his.factsOf(room.id).map((fact) => fact.seq - seq)).toEqual([-2, -1, 0, 1, 2, 3])
})

test('R3 R52 who is removed while he is brought up to date gets nothing more of the room', async () => {
  const { seq } = await bo.get<Room>(`/api/rooms/${room.id}`)
  const log = holdLog()
  his.say({ type: 'sync', rooms: { [room.id]: seq - 3 } })
  await log.asked
  await ada.ask('DELETE', `/api/rooms/${room.id}/members/${bo.id}`)
  await his.until('room-gone')
  log.release()
  const other = await bo.makeRoom('Other')
  await his.until('room', (message) => message.room.id === other.id)
  his.say({ type: 'ping' })
  expect((await his.until('pong')).rooms).not.toHaveProperty(room.id)
  expect(his.factsOf(room.id)).toEqual([])
})

test('R52 the newest request of a socket counts: sixty of them bring the backlog once or twice', async () => {
  const small = await ada.makeRoom('Small')
  for (let i = 0; i < 20; i++) await ada.say(small, `m${i}`)
  const hers = await ada.live()
  const log = holdLog()
  // Fewer than a socket may send in a second.
  for (let i = 0; i < 60; i++) hers.say({ type: 'sync', rooms: { [small.id]: 1 } })
  hers.say({ type: 'ping' })
  await hers.until('pong')
  log.release()
  await hers.until('facts', (message) => message.seq === 21)
  await hers.settled(small.id)
  const seqs = hers.factsOf(small.id).map((fact) => fact.seq)
  expect(seqs.length).toBeLessThanOrEqual(40)
  expect(new Set(seqs).size).toBe(20)
})

test('R52 R48 a backlog of more than 256 kB ends in one view', async () => {
  const { seq } = await bo.get<Room>(`/api/rooms/${room.id}`)
  his.say({ type: 'sync', rooms: { [room.id]: seq - backlog } })
  await his.until('view', (view) => view.roomId === room.id && view.seq === seq)
  const size = his.texts.reduce((sum, text) => sum + text.length, 0)
  expect(size).toBeGreaterThan(256 * 1024)
  expect(size).toBeLessThan(400 * 1024)
  his.forget()
  await ada.say(room, 'live')
  await his.until('facts', (message) => message.seq === seq + 1)
  expect(his.factsOf(room.id)).toHaveLength(1)
})

test('R52 who asks and asks and reads nothing: the log is read no more for them, and after 30 s they are cut', async () => {
  let reads = 0
  const { factsAfter } = app.store.rooms
  app.store.rooms.factsAfter = (...of) => {
    reads += 1
    return factsAfter(...of)
  }
  const ask = await openGreedy({ reads: false })
  let [before, unread] = [-1, 0]
  // The buffers of two kernels take some first.
  await until('Eve is given nothing more', 15_000, () => {
    ask()
    unread = reads === before ? unread + 1 : 0
    before = reads
    return unread === 5
  })
  expect(reads).toBeGreaterThan(4)
  at += 31_000
  const [socket] = eves
  const closed = new Promise((resolve) => socket?.once('close', resolve))
  await until('Eve is cut', 5_000, async () => {
    const { text } = await app.ask('GET', '/metrics', {
      headers: { authorization: `Bearer ${metricsToken}` },
    })
    return /^chatto_live_sockets 1$/m.test(text)
  })
  socket?.resume()
  await closed
})

test('R48 R52 who takes what was sent before gets the rest', async () => {
  his.socket.pause()
  const { seq } = await bo.get<Room>(`/api/rooms/${room.id}`)
  // Far more than the kernels take: each time up to a view.
  for (let i = 0; i < 60; i++) {
    his.say({ type: 'sync', rooms: { [room.id]: seq - backlog } })
    await ada.say(room, `live ${i}`)
  }
  his.socket.resume()
  await until('Bo has everything', 8_000, () =>
    his.messages.some(
      (message) =>
        (message.type === 'facts' || message.type === 'view') && message.seq === seq + 60,
    ),
  )
  his.forget()
  await ada.say(room, 'again live')
  await his.until('facts', (message) => message.seq === seq + 61)
  expect(his.factsOf(room.id)).toHaveLength(1)
})
