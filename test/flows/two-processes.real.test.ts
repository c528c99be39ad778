import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { register, via, type ApiPerson } from '../support/api-person.ts'
import {
  findLivekitServer,
  startLivekitServer,
  type LivekitServer,
} from '../support/livekit-server.ts'
import { watchLive } from '../support/live-watch.ts'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { disposeRtc, joinAsPerson } from '../support/rtc-person.ts'
import { prepareServer, type ServerProcess } from '../support/server-process.ts'
import { until } from '../support/until.ts'

/** Two servers on one PostgreSQL, as behind a load balancer. Nobody gets webhooks: each listing counts. */
const key = randomBytes(32).toString('base64')
const takenOverMs = 15_000
/** As the brief for two processes has it: what A commits, B shows within a second. */
const seenMs = 1_000

let postgres: Postgres
let livekit: LivekitServer
const found = findLivekitServer()

describe.skipIf('missing' in found)('two servers on one database', { timeout: 180_000 }, () => {
  let a: ServerProcess
  let b: ServerProcess
  let ada: ApiPerson
  let bo: ApiPerson
  let boAtB: ApiPerson
  let roomId: string
  let rooms = 0

  beforeAll(async () => {
    postgres = await startPostgres()
    livekit = await startLivekitServer()
    const options = {
      databaseUrl: await postgres.freshUrl(),
      livekit,
      env: { CHATTO_SECURITY_KEY_ENCRYPTION_KEY: key },
    }
    a = await prepareServer(options)
    b = await prepareServer(options)
    // Both migrate the same empty database at once.
    await Promise.all([a.start(), b.start()])
    ada = await register(a.url, 'ada')
    bo = await register(a.url, 'bo')
    boAtB = via(b.url, bo)
  }, 120_000)

  beforeEach(async () => {
    rooms += 1
    const room = await ada.createRoom(`room ${rooms}`)
    roomId = room.id
    await ada.addMember(roomId, bo)
  })

  afterAll(async () => {
    await a.dispose()
    await b.dispose()
    await livekit.dispose()
    await postgres.stop()
    await disposeRtc()
  }, 60_000)

  test('R2 Ada at A and Bo at B join one empty room at once, 200 times: always one call, one key', async () => {
    const callIds = new Set<string>()
    for (let round = 0; round < 200; round += 1) {
      const [adas, bos] = await Promise.all([ada.join(roomId), boAtB.join(roomId)])
      expect(bos.callId).toBe(adas.callId)
      expect(bos.e2eeKey).toBe(adas.e2eeKey)
      callIds.add(adas.callId)
      await Promise.all([ada.leave(roomId, adas.callId), boAtB.leave(roomId, bos.callId)])
      expect(await ada.call(roomId)).toBeNull()
    }
    expect(callIds.size).toBe(200)
    const history = await ada.timeline(roomId)
    const newest = history.filter((fact) => fact.type.startsWith('call.')).slice(-100)
    expect(newest.map((fact) => fact.type)).toEqual(
      newest.map((_, i) => (i % 2 === 0 ? 'call.started' : 'call.ended')),
    )
  })

  test('R46 Bo’s socket at B shows within a second what Ada does at A', async () => {
    const watch = await watchLive(b.url, bo)
    const took: number[] = []
    for (let round = 0; round < 10; round += 1) {
      const join = await ada.join(roomId)
      const answeredAt = performance.now()
      await watch.untilFact(roomId, 'call.started', ({ callId }) => callId === join.callId)
      took.push(performance.now() - answeredAt)
      await ada.leave(roomId, join.callId)
      await watch.untilFact(roomId, 'call.ended', ({ callId }) => callId === join.callId)
    }
    console.info(`two processes: seen after at most ${Math.round(Math.max(...took))} ms`)
    expect(Math.max(...took)).toBeLessThan(seenMs)
    expect(watch.gaps).toBe(0)
    await watch.close()
  })

  test('R3 R18 a room that Bo loses at A is gone from his socket at B, and comes back with him', async () => {
    const watch = await watchLive(b.url, bo)
    await ada.removeMember(roomId, bo)
    await until('Bo’s socket lost the room', seenMs, () => !watch.has(roomId))
    await ada.join(roomId)
    await ada.addMember(roomId, bo)
    await until('Bo’s socket has the room again', seenMs, () => watch.has(roomId))
    expect(watch.welcomed(roomId)?.participants).toMatchObject([{ userId: ada.id }])
    await watch.close()
  })

  test('a session that ends at A is closed at B', async () => {
    const cleo = await register(a.url, 'cleo')
    const watch = await watchLive(b.url, cleo)
    expect((await cleo.request('POST', '/api/auth/logout')).status).toBe(204)
    expect(await watch.untilClosed(seenMs)).toBe(4403)
    expect((await via(b.url, cleo).request('GET', '/api/me')).status).toBe(401)
  })

  test('R41 a server with another key-encryption key does not start', async () => {
    const other = await prepareServer({
      databaseUrl: await postgres.freshUrl(),
      env: { CHATTO_SECURITY_KEY_ENCRYPTION_KEY: key },
    })
    await other.start()
    expect((await other.terminate()).code).toBe(0)
    const wrong = randomBytes(32).toString('base64')
    await expect(other.start({ CHATTO_SECURITY_KEY_ENCRYPTION_KEY: wrong })).rejects.toThrow(
      /key-encryption key is not the one/,
    )
    expect(await other.gone()).toMatchObject({ code: 1 })
    expect(other.output).not.toContain(wrong)
    await other.dispose()
  })

  test.each(['A', 'B'])(
    'R33 %s is killed: the other one takes over deadlines, effects and listings',
    async (who) => {
      const [killed, other] = who === 'A' ? [a, b] : [b, a]
      const adaThere = via(killed.url, ada)
      const boThere = via(killed.url, bo)
      const adaHere = via(other.url, ada)
      const watch = await watchLive(other.url, bo)
      const cleo = await register(killed.url, `cleo-${who.toLowerCase()}`)
      await adaThere.addMember(roomId, cleo)
      const cleosJoin = await cleo.join(roomId)
      const cleos = await joinAsPerson(cleosJoin)
      await watch.untilFact(roomId, 'participant.connected', (f) => f.userId === cleo.id, 15_000)
      const bos = await boThere.join(roomId)
      // An effect that is due in two seconds, a deadline in ten, and Ada whom only a listing can show.
      expect(await cleo.leave(roomId, cleosJoin.callId)).toBe(true)
      await boThere.close(bos)
      const adas = await adaThere.join(roomId)
      await killed.kill()
      const killedAt = performance.now()
      const adasRtc = await joinAsPerson(adas)

      await Promise.all([
        cleos.untilDisconnected().then(() => tell('Cleo, who stayed, is thrown out')),
        watch
          .untilFact(roomId, 'participant.left', (fact) => fact.userId === bo.id, 25_000)
          .then(() => tell('Bo’s closed page is over')),
        until('Ada is shown as connected', 25_000, async () =>
          (await adaHere.shown(roomId)).includes('ada connected'),
        ).then(() => tell('Ada is connected')),
      ])
      function tell(what: string): void {
        const tookMs = performance.now() - killedAt
        console.info(`${who} killed: ${what} after ${Math.round(tookMs)} ms`)
        expect(tookMs).toBeLessThan(takenOverMs)
      }
      expect(watch.gaps).toBe(0)
      await Promise.all([adasRtc.leave(), cleos.leave(), watch.close()])
      await killed.start()
    },
  )
})
