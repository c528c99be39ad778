import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { watchLive, type LiveWatch } from '../support/live-watch.ts'
import { register, type ApiPerson } from '../support/api-person.ts'
import { reportUp, sendReport } from '../support/livekit-report.ts'
import { startServer, type DeathOrder, type ServerProcess } from '../support/server-process.ts'
import { until } from '../support/until.ts'
import type { Fact, Join } from '../../server/protocol/wire.ts'

/**
 * The server is killed with -9 in the middle of a call, at every boundary of a step, and starts
 * again. LiveKit is not there: its reports come from the test, and nobody can be asked.
 */
let server: ServerProcess
let ada: ApiPerson
let bo: ApiPerson
let roomId: string
let adasJoin: Join
let watch: LiveWatch

describe('the server is killed in mid-call', { timeout: 90_000 }, () => {
  beforeAll(async () => {
    server = await startServer({ program: 'fragile' })
    ada = await register(server.url, 'ada')
    bo = await register(server.url, 'bo')
  }, 60_000)

  /** Each test has a room and a call of its own, on what the lives before it left behind. */
  beforeEach(async () => {
    const room = await ada.createRoom('kitchen')
    roomId = room.id
    await ada.addMember(roomId, bo)
    watch = await watchLive(server.url, bo)
    adasJoin = await ada.join(roomId, 'a1')
    await reportUp(server, adasJoin)
    await watch.untilFact(roomId, 'participant.connected')
  })

  afterEach(() => watch.close())
  afterAll(() => server.dispose())

  /** The socket went with the process; the next one goes on from the number that this one had. */
  async function startAgain(): Promise<void> {
    await server.gone()
    await watch.untilClosed()
    await server.start()
    watch = await watchLive(server.url, bo, watch)
  }

  const typesOf = (facts: Fact[]) => facts.map((fact) => fact.type)

  /** Numbers without a gap, and the same on every way: socket, timeline, number of the room. */
  async function expectOneHistory(): Promise<void> {
    const { seq } = await bo.room(roomId)
    await watch.untilSeq(roomId, seq)
    const seen = watch.facts(roomId)
    const first = seen[0]?.seq ?? 0
    expect(seen.map((fact) => fact.seq)).toEqual(seen.map((_, i) => first + i))
    expect(seen.at(-1)?.seq).toBe(seq)
    const history = (await bo.timeline(roomId)).filter((fact) => fact.seq >= first)
    const shownInHistory: Fact['type'][] = ['call.started', 'call.ended', 'message.posted']
    expect(seen.filter((fact) => shownInHistory.includes(fact.type))).toEqual(
      history.filter((fact) => shownInHistory.includes(fact.type)),
    )
  }

  test('R49 I4 the same call, people, history and indicator as before, and no fact more', async () => {
    await bo.join(roomId, 'b1')
    await bo.post(roomId, 'is anybody there?')
    await watch.untilFact(roomId, 'message.posted')
    const before = {
      call: await bo.call(roomId),
      room: await bo.room(roomId),
      timeline: await bo.timeline(roomId),
      facts: [...watch.facts(roomId)],
    }
    await server.kill()
    await startAgain()

    expect(await bo.call(roomId)).toEqual(before.call)
    expect(await bo.room(roomId)).toEqual(before.room)
    expect(await bo.timeline(roomId)).toEqual(before.timeline)
    expect(watch.welcomed(roomId)).toEqual(before.call)
    expect(watch.facts(roomId)).toEqual(before.facts)
    // The same page may ask again: the same key, no second join (R8).
    const again = await ada.join(roomId, 'a1')
    expect(again).toMatchObject({ callId: adasJoin.callId, e2eeKey: adasJoin.e2eeKey })
    expect(again.call).toEqual(before.call)
    expect(watch.gaps).toBe(0)
  })

  const boundaries: DeathOrder['at'][] = [
    'before the commit',
    'after the commit',
    'after the publication',
  ]

  test.each(boundaries)('R2 R8 Bo’s join is cut off %s: his page asks again', async (at) => {
    await server.orderDeath({ at, fact: 'participant.joined' })
    await expect(bo.join(roomId, 'b1')).rejects.toThrow()
    await startAgain()
    const isCommitted = at !== 'before the commit'
    expect(await bo.shown(roomId)).toEqual(
      isCommitted ? ['ada connected', 'bo joining'] : ['ada connected'],
    )
    const join = await bo.join(roomId, 'b1')
    expect(join).toMatchObject({ callId: adasJoin.callId, e2eeKey: adasJoin.e2eeKey })
    await expectOneHistory()
    expect(typesOf(watch.facts(roomId))).toEqual([
      'call.started',
      'participant.joined',
      'participant.connected',
      'participant.joined',
    ])
    expect(watch.gaps).toBe(0)
  })

  test('I5 R8 Bo’s join is published, but the answer never reaches him: his page asks again', async () => {
    await server.orderDeath({ at: 'answers are held', fact: 'participant.joined' })
    const lost = bo.join(roomId, 'b1')
    lost.catch(() => undefined)
    await watch.untilFact(roomId, 'participant.joined', ({ userId }) => userId === bo.id)
    await server.kill()
    await expect(lost).rejects.toThrow()
    const seen = [...watch.facts(roomId)]
    await startAgain()
    await bo.join(roomId, 'b1')
    await expectOneHistory()
    expect(watch.facts(roomId)).toEqual(seen)
  })

  test.each(boundaries)('R14 R42 the last leave is cut off %s', async (at) => {
    await server.orderDeath({ at, fact: 'call.ended' })
    await expect(ada.leave(roomId, adasJoin.callId)).rejects.toThrow()
    await startAgain()
    const isCommitted = at !== 'before the commit'
    expect((await bo.call(roomId))?.callId ?? null).toBe(isCommitted ? null : adasJoin.callId)
    expect(await ada.leave(roomId, adasJoin.callId)).toBe(!isCommitted)
    await expectOneHistory()
    expect(typesOf(watch.facts(roomId)).slice(-2)).toEqual(['participant.left', 'call.ended'])
    const next = await bo.join(roomId)
    expect(next.callId).not.toBe(adasJoin.callId)
    expect(next.e2eeKey).not.toBe(adasJoin.e2eeKey)
  })

  test.each(boundaries)('R22 R23 a report is cut off %s: LiveKit sends it again', async (at) => {
    const join = await bo.join(roomId, 'b1')
    const report = { event: 'participant_joined' as const, join, webhookId: 'EV_once' }
    await server.orderDeath({ at, fact: 'participant.connected' })
    await expect(sendReport(server, report)).rejects.toThrow()
    await startAgain()
    // Twice more, as a retry whose answer was lost, too.
    expect(await sendReport(server, report)).toBe(200)
    expect(await sendReport(server, report)).toBe(200)
    expect(await bo.shown(roomId)).toEqual(['ada connected', 'bo connected'])
    await expectOneHistory()
    const connected = watch
      .facts(roomId)
      .filter((fact) => fact.type === 'participant.connected' && fact.userId === bo.id)
    expect(connected).toHaveLength(1)
  })

  test.each(boundaries)('R1 R41 the very first join is cut off %s', async (at) => {
    const { id } = await ada.createRoom('attic')
    await server.orderDeath({ at, fact: 'call.started' })
    await expect(ada.join(id, 'a2')).rejects.toThrow()
    await startAgain()
    const join = await ada.join(id, 'a2')
    const started = (await ada.timeline(id)).filter((fact) => fact.type === 'call.started')
    expect(started).toMatchObject([{ callId: join.callId, by: ada.id }])
    expect(join.call.participants).toMatchObject([{ userId: ada.id, state: 'joining' }])
  })

  test('R7 R49 a deadline stays where it was: Bo, who never came up, is still joining', async () => {
    await bo.join(roomId, 'b1')
    await server.kill()
    await startAgain()
    expect(await bo.shown(roomId)).toEqual(['ada connected', 'bo joining'])
  })

  test('R17 R34 R49 a page that closed before the kill is gone soon after it, and nobody else', async () => {
    const join = await bo.join(roomId, 'b1')
    await reportUp(server, join)
    await bo.close(join)
    await server.kill()
    await startAgain()
    expect(await bo.shown(roomId)).toEqual(['ada connected', 'bo reconnecting'])
    const left = await watch.untilFact(roomId, 'participant.left', () => true, 15_000)
    expect(left).toMatchObject({ userId: bo.id, source: 'deadline', reason: 'expired' })
    expect(await bo.shown(roomId)).toEqual(['ada connected'])
  })
})

test(
  'I7 R48 killed at random moments while people come and go: one history without a gap',
  { timeout: 120_000 },
  async () => {
    const seed = Number(process.env['SEED'] ?? 20_251_125)
    const lives = process.env['CI'] ? 20 : 5
    console.info(`random kills: SEED=${seed}`)
    server = await startServer()
    try {
      ada = await register(server.url, 'ada')
      bo = await register(server.url, 'bo')
      roomId = (await ada.createRoom('hall')).id
      await ada.addMember(roomId, bo)
      watch = await watchLive(server.url, bo)
      let random = seed
      const chance = () => {
        random = (random * 1_103_515_245 + 12_345) % 2 ** 31
        return random / 2 ** 31
      }
      for (let life = 0; life < lives; life += 1) {
        const killAfter = 1 + Math.floor(chance() * 40)
        let asked = 0
        let isOver = false
        const comeAndGo = async (who: ApiPerson) => {
          while (!isOver) {
            try {
              asked += 1
              const join = await who.join(roomId)
              asked += 1
              await who.leave(roomId, join.callId, join.connectionId)
            } catch {
              // Cut off in the middle: the next life shows what became of it.
              return
            }
          }
        }
        const coming = [comeAndGo(ada), comeAndGo(bo)]
        await until('enough was asked', 10_000, () => asked >= killAfter)
        await server.kill()
        isOver = true
        await Promise.all(coming)
        await watch.untilClosed()
        await server.start()
        watch = await watchLive(server.url, bo, watch)
      }
      const { seq } = await bo.room(roomId)
      await watch.untilSeq(roomId, seq)
      const facts = watch.facts(roomId)
      expect(facts.map((fact) => fact.seq)).toEqual(facts.map((_, i) => (facts[0]?.seq ?? 0) + i))
      const starts = facts.filter((fact) => fact.type === 'call.started').map((f) => f.callId)
      const ends = facts.filter((fact) => fact.type === 'call.ended').map((f) => f.callId)
      expect(new Set(starts).size).toBe(starts.length)
      expect(ends).toEqual(starts.slice(0, ends.length))
      const isOn = (await bo.call(roomId)) !== null
      expect(starts.length - ends.length).toBe(isOn ? 1 : 0)
      console.info(`random kills: ${starts.length} calls in ${lives} lives, ${facts.length} facts`)
    } finally {
      await server.dispose()
    }
  },
)
