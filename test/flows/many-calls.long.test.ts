import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Call } from '../../server/protocol/wire.ts'
import { register, type ApiPerson } from '../support/api-person.ts'
import { reportUp } from '../support/livekit-report.ts'
import { watchLive, type LiveWatch } from '../support/live-watch.ts'
import { startServer, type ServerProcess } from '../support/server-process.ts'
import { until } from '../support/until.ts'

/** Two hundred calls are on when the server is killed and starts again. */
const calls = 200
/** Every tenth call has a page that closed just before. */
const closing = calls / 10
const doubtMs = 15_000

describe('200 calls and a restart', { timeout: 120_000 }, () => {
  let server: ServerProcess
  let ada: ApiPerson
  let bo: ApiPerson
  beforeAll(async () => {
    server = await startServer({ env: { CHATTO_CALLS_DOUBT_S: String(doubtMs / 1000) } })
    ada = await register(server.url, 'ada')
    bo = await register(server.url, 'bo')
  }, 60_000)
  afterAll(() => server.dispose())

  test('R7 R34 R49 all are there at once, nobody sees a flap, deadlines stand where they stood', async () => {
    const roomIds = await eachAtOnce(Array.from({ length: calls }), async (_, i) => {
      const { id } = await ada.createRoom(`room ${i}`)
      await ada.addMember(id, bo)
      return id
    })
    const adas = await eachAtOnce(roomIds, async (roomId) => {
      const join = await ada.join(roomId, 'a1')
      await reportUp(server, join)
      return join
    })
    await eachAtOnce(roomIds, (roomId) => bo.join(roomId, 'b1'))
    const before = await watchLive(server.url, bo)
    await eachAtOnce(adas.slice(0, closing), (join) => ada.close(join))
    const closedAt = new Map<string, number>()
    for (const roomId of roomIds.slice(0, closing)) {
      const fact = await before.untilFact(roomId, 'participant.reconnecting')
      closedAt.set(roomId, fact.at)
    }
    const callsBefore = await Promise.all(roomIds.map((roomId) => bo.call(roomId)))
    expect(callsBefore.filter((call) => call?.participants.length === 2)).toHaveLength(calls)

    await server.kill()
    await before.untilClosed()
    // A short doubt from now on, so that only the stored deadlines can be as late as they are.
    await server.start({ CHATTO_CALLS_DOUBT_S: '1' })
    const after = await watchLive(server.url, bo, before)
    const firstMessageMs = after.firstMessageAt - server.listeningAt
    expect(firstMessageMs).toBeLessThan(2_000)
    expect(roomIds.map((roomId) => steady(after.welcomed(roomId)))).toEqual(callsBefore.map(steady))

    const lateBy = await Promise.all(
      roomIds.slice(0, closing).map(async (roomId) => {
        const left = await after.untilFact(roomId, 'participant.left', () => true, 30_000)
        expect(left).toMatchObject({ userId: ada.id, reason: 'expired', source: 'deadline' })
        return left.at - (closedAt.get(roomId) ?? 0) - doubtMs
      }),
    )
    expect(Math.min(...lateBy)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...lateBy)).toBeLessThan(1_000)
    expectNoFlap(after, roomIds)
    expect(after.gaps).toBe(0)
    console.info(
      `200 calls: first message ${Math.round(firstMessageMs)} ms after listening, ` +
        `deadlines late by at most ${Math.max(...lateBy)} ms`,
    )
    // Each call goes on as if nothing had been.
    const [roomId = '', next = ''] = roomIds.slice(closing)
    const again = await ada.join(roomId, 'a1')
    expect(again.e2eeKey).toBe(adas[closing]?.e2eeKey)
    await bo.leave(next, adas[closing + 1]?.callId ?? '')
    await until('Bo is out', 5_000, async () => (await bo.shown(next)).length === 1)
  })

  /** After the restart only the closed pages went. */
  function expectNoFlap(watch: LiveWatch, roomIds: string[]): void {
    for (const [i, roomId] of roomIds.entries()) {
      const moves = watch.facts(roomId).filter((fact) => fact.type.startsWith('participant.'))
      expect(moves.map((fact) => fact.type)).toEqual(
        i < closing ? ['participant.reconnecting', 'participant.left'] : [],
      )
    }
  }
})

/** LiveKit is away, and a slow machine may say so between two looks: who is in the call is what counts. */
function steady(call: Call | null | undefined) {
  return call && { ...call, confirmed: null, seq: null }
}

/** A few at a time, in order of the list. */
async function eachAtOnce<T, R>(
  items: readonly T[],
  work: (item: T, i: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T, i)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  return results
}
