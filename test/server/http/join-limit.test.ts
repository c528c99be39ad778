/** One person's joins into one call are limited, and what goes beyond changes nothing (R52). */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Join, Room } from '../../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'

/** As by default. */
const joinsPerMinute = 60
let app: RunningApp
let ada: Person
let bo: Person
beforeAll(async () => {
  app = await runApp({
    logLevel: 'error',
    env: { CHATTO_LIMITS_JOINS_PER_MINUTE: String(joinsPerMinute) },
  })
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
})
afterAll(() => app.close())

const seqOf = async (room: Room) => (await bo.get<Room>(`/api/rooms/${room.id}`)).seq

test('R52 a page that reloads every two seconds is let in for a minute, a script is told to slow down and changes nothing', async () => {
  const room = await ada.makeRoom('Bridge')
  await bo.enter(room)
  const joins: Join[] = []
  for (let i = 0; i < joinsPerMinute / 2; i++) joins.push(await ada.join(room))
  expect(new Set(joins.map(({ callId }) => callId)).size).toBe(1)

  // Loops on, without a pause.
  const path = `/api/rooms/${room.id}/call/join`
  for (let i = 0; i < joinsPerMinute / 2; i++) await ada.join(room)
  const [before, seq] = [await app.dump(), await seqOf(room)]
  const refused = await Promise.all(Array.from({ length: 50 }, () => ada.ask('POST', path, {})))
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([429]))
  expect(refused[0]?.body).toMatchObject({ error: { code: 'slow-down' } })
  const waitS = Number(refused[0]?.headers['retry-after'])
  expect(waitS).toBeGreaterThan(0)
  expect(waitS).toBeLessThanOrEqual(60)
  expect(await app.dump()).toBe(before)
  expect(await seqOf(room)).toBe(seq)

  // It is hers alone, and of this room's call: she may hang up, Bo may join, and so may she elsewhere.
  const last = joins[0] as Join
  const leave = await ada.ask('POST', `/api/rooms/${room.id}/call/leave`, { callId: last.callId })
  expect(leave.body).toEqual({ left: true })
  await bo.join(room)
  await ada.join(await ada.makeRoom('Elsewhere'))
})

test('R52 R50 while calls are off there is nothing to slow down', async () => {
  const off = await runApp({ calls: false, env: { CHATTO_LIMITS_JOINS_PER_MINUTE: '1' } })
  try {
    const ivo = await off.signUp('ivo')
    const room = await ivo.makeRoom('Quiet')
    for (let i = 0; i < 3; i++) {
      const answer = await ivo.ask('POST', `/api/rooms/${room.id}/call/join`, {})
      expect([answer.status, answer.body]).toEqual([200, null])
    }
  } finally {
    await off.close()
  }
})
