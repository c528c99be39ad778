import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { ApiPerson } from '../support/api-person.ts'
import { openCallHouse, type CallHouse } from '../support/call-house.ts'
import { findLivekitServer } from '../support/livekit-server.ts'
import { watchLive, type LiveWatch } from '../support/live-watch.ts'
import { disposeRtc, joinAsPerson } from '../support/rtc-person.ts'
import { until } from '../support/until.ts'

/** What goes wrong between us and LiveKit, with the real one: webhooks lost, LiveKit gone, us gone. */
const found = findLivekitServer()
const title = 'missing' in found ? `skipped: ${found.missing}` : 'trouble with the real LiveKit'

describe.skipIf('missing' in found)(title, { timeout: 120_000 }, () => {
  let house: CallHouse
  let ada: ApiPerson
  let bo: ApiPerson
  let roomId: string
  let watch: LiveWatch

  async function openHouse(options: Parameters<typeof openCallHouse>[0]): Promise<void> {
    house = await openCallHouse(options)
    ada = await house.register('ada')
    bo = await house.register('bo')
    roomId = (await ada.createRoom('kitchen')).id
    await ada.addMember(roomId, bo)
    watch = await watchLive(house.server.url, bo)
  }
  afterEach(() => house.dispose(), 60_000)
  afterAll(disposeRtc)

  const shows = (what: string[], timeoutMs: number) =>
    until(`shown: ${what.join(', ')}`, timeoutMs, async () => {
      const shown = await bo.shown(roomId)
      return shown.length === what.length && shown.every((line, i) => line === what[i])
    })
  async function within(what: string, boundMs: number, work: () => Promise<unknown>) {
    const before = performance.now()
    await work()
    const tookMs = Math.round(performance.now() - before)
    console.info(`${what}: ${tookMs} ms (at most ${boundMs})`)
    expect(tookMs, what).toBeLessThan(boundMs)
  }

  test.each([
    ['into a dead port', 'dead', 3_000],
    ['nowhere (--dev)', 'none', 10_000],
  ] as const)(
    'R33 R34 R38 webhooks go %s: joins, hang-ups and closed tabs are right all the same',
    async (_where, webhooks, joinMs) => {
      await openHouse({ webhooks })
      const adas = await house.enter(ada, roomId, 'a1')
      await within('Ada is connected', joinMs, () => shows(['ada connected'], 15_000))
      const bos = await house.enter(bo, roomId, 'b1')
      await within('Bo is connected', joinMs, () =>
        shows(['ada connected', 'bo connected'], 15_000),
      )
      await bo.leave(roomId, bos.join.callId, 'b1')
      await bos.rtc.leave()
      await within('Bo has hung up', 3_000, () => shows(['ada connected'], 10_000))
      await adas.rtc.leave()
      await within('Ada’s closed tab is gone', 15_000, () => shows([], 25_000))
      expect(await bo.call(roomId)).toBeNull()
      const { body } = await ada.request('GET', '/api/admin/health')
      expect(body).toMatchObject({ webhooks: { silent: true }, livekit: { state: 'reachable' } })
    },
  )

  test('R31 R34 R37 LiveKit is killed and started again in mid-call: same call, everybody back, no ghost', async () => {
    await openHouse({ webhooks: 'server' })
    const adas = await house.enter(ada, roomId, 'a1')
    const bos = await house.enter(bo, roomId, 'b1')
    await shows(['ada connected', 'bo connected'], 15_000)
    // Cleo's page is closed while LiveKit is away: she must not stay as a ghost.
    const cleo = await house.register('cleo')
    await ada.addMember(roomId, cleo)
    const cleos = await house.enter(cleo, roomId, 'c1')
    await shows(['ada connected', 'bo connected', 'cleo connected'], 15_000)
    await house.livekit.kill()
    await Promise.all([adas, bos, cleos].map(({ rtc }) => rtc.leave()))
    await house.livekit.restart()
    const upAgain = performance.now()
    // What a page does when LiveKit has lost it: it joins again with its connection id (R8).
    const back = await Promise.all([house.enter(ada, roomId, 'a1'), house.enter(bo, roomId, 'b1')])
    expect(back.map(({ join }) => join.callId)).toEqual([adas.join.callId, adas.join.callId])
    expect(back.map(({ join }) => join.e2eeKey)).toEqual([adas.join.e2eeKey, adas.join.e2eeKey])
    await until('Ada and Bo are back', 15_000, async () => {
      const shown = await bo.shown(roomId)
      return shown.includes('ada connected') && shown.includes('bo connected')
    })
    const tookMs = performance.now() - upAgain
    console.info(`LiveKit restarted: people back after ${Math.round(tookMs)} ms`)
    expect(tookMs).toBeLessThan(10_000)
    await shows(['ada connected', 'bo connected'], 60_000)
    const left = watch.facts(roomId).filter((fact) => fact.type === 'participant.left')
    expect(left).toMatchObject([{ userId: cleo.id, reason: 'expired' }])
    expect(watch.facts(roomId).filter((fact) => fact.type === 'call.started')).toHaveLength(1)
  })

  test('R36 R37 while LiveKit is away the call is unconfirmed, nobody goes but by their own word', async () => {
    await openHouse({ webhooks: 'server', env: { CHATTO_CALLS_LISTING_INTERVAL_S: '3' } })
    const cleo = await house.register('cleo')
    await ada.addMember(roomId, cleo)
    const adas = await house.enter(ada, roomId, 'a1')
    const bos = await house.enter(bo, roomId, 'b1')
    const cleos = await house.enter(cleo, roomId, 'c1')
    await shows(['ada connected', 'bo connected', 'cleo connected'], 15_000)
    await house.livekit.kill()
    await watch.untilFact(roomId, 'call.unconfirmed', () => true, 40_000)
    expect(await bo.call(roomId)).toMatchObject({ confirmed: false })
    await ada.leave(roomId, adas.join.callId)
    await bo.close(bos.join)
    const gone = await watch.untilFact(
      roomId,
      'participant.left',
      (fact) => fact.userId === bo.id,
      15_000,
    )
    expect(gone).toMatchObject({ source: 'deadline' })
    expect(await bo.shown(roomId)).toEqual(['cleo connected'])

    await Promise.all([adas, bos, cleos].map(({ rtc }) => rtc.leave()))
    await house.livekit.restart()
    await watch.untilFact(roomId, 'call.confirmed', () => true, 10_000)
    // She comes back within the longer doubt that an outage gives.
    await house.enter(cleo, roomId, 'c1')
    await shows(['cleo connected'], 10_000)
    expect(await bo.call(roomId)).toMatchObject({ confirmed: true, callId: adas.join.callId })
  })

  test('R31 LiveKit restarts and the clients come back by themselves: same call, nobody left', async () => {
    await openHouse({ webhooks: 'server' })
    const adas = await house.enter(ada, roomId, 'a1')
    await shows(['ada connected'], 15_000)
    await adas.rtc.playTone(440)
    await house.livekit.kill()
    await house.livekit.restart()
    // LiveKit's client tries by itself; a page whose client gives up joins again.
    const sid = adas.rtc.participantSid
    await until('Ada is back', 40_000, async () => {
      if (adas.rtc.disconnectReason === null) return adas.rtc.participantSid !== sid
      await joinAsPerson(await ada.join(roomId, 'a1'))
      return true
    })
    await shows(['ada connected'], 15_000)
    expect(watch.facts(roomId).map((fact) => fact.type)).not.toContain('participant.left')
  })

  test(
    'R49 our server is killed twenty times in one call: no fact too many, the media never breaks off',
    { timeout: 400_000 },
    async () => {
      await openHouse({ webhooks: 'server' })
      const adas = await house.enter(ada, roomId, 'a1')
      const bos = await house.enter(bo, roomId, 'b1')
      await shows(['ada connected', 'bo connected'], 15_000)
      await Promise.all([adas.rtc.showPicture(), bos.rtc.playTone(440)])
      await bos.rtc.untilPictures(adas.rtc.identity, 5)
      const { seq } = await bo.room(roomId)
      await watch.untilSeq(roomId, seq)
      const before = [...watch.facts(roomId)]
      const sids = [adas.rtc.participantSid, bos.rtc.participantSid]
      const pictures = countGaps(() => bos.rtc.picturesOf(adas.rtc.identity))

      for (let life = 0; life < 20; life += 1) {
        await house.server.kill()
        await watch.untilClosed()
        await house.server.start()
        watch = await watchLive(house.server.url, bo, watch)
        expect(await bo.shown(roomId)).toEqual(['ada connected', 'bo connected'])
      }
      // One listing more in the last life, past every doubt that a life could have begun.
      await until('LiveKit was asked', 40_000, async () => {
        const { body } = await ada.request('GET', '/api/admin/health')
        return (body as { livekit: { since: number | null } }).livekit.since !== null
      })
      const longestGapMs = pictures.stop()
      console.info(`20 kills: longest pause between pictures ${Math.round(longestGapMs)} ms`)
      expect((await bo.room(roomId)).seq).toBe(seq)
      expect(watch.facts(roomId)).toEqual(before)
      expect([adas.rtc.participantSid, bos.rtc.participantSid]).toEqual(sids)
      expect([adas.rtc.disconnectReason, bos.rtc.disconnectReason]).toEqual([null, null])
      await adas.rtc.untilHears(bos.rtc.identity, 440)
      // Half of the usual pace would be one in 200 ms; the machine may stall for a moment.
      expect(longestGapMs).toBeLessThan(3_000)
    },
  )
})

/** How long a counter stood still, at most. */
function countGaps(read: () => number): { stop(): number } {
  let count = read()
  let since = performance.now()
  let longest = 0
  const timer = setInterval(() => {
    const now = performance.now()
    const next = read()
    longest = Math.max(longest, now - since)
    if (next === count) return
    count = next
    since = now
  }, 50)
  return {
    stop() {
      clearInterval(timer)
      return longest
    },
  }
}
