/** What is live waits for nobody's repair (R52): three sockets ask for all that they missed, as fast as they may. */
import { WebSocket } from 'ws'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Room } from '../../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'
import type { LiveClient } from '../../support/live-client.ts'

/** So many messages a second a socket may send by default. */
const allowed = 100
const backlog = 200
let app: RunningApp
let ada: Person
let bo: Person
let cleo: Person
let eve: Person
let room: Room
let his: LiveClient
const eves: WebSocket[] = []

beforeEach(async () => {
  app = await runApp({ logLevel: 'error' })
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
