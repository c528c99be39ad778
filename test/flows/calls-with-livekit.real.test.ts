import '../support/rtc-quiet.ts'
import { SimulateScenarioKind } from '@livekit/rtc-node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../server/protocol/wire.ts'
import type { ApiPerson } from '../support/api-person.ts'
import { livekitNameOf, openCallHouse, type CallHouse } from '../support/call-house.ts'
import { findLivekitServer } from '../support/livekit-server.ts'
import { watchLive, type LiveWatch } from '../support/live-watch.ts'
import { disposeRtc, joinAsPerson } from '../support/rtc-person.ts'
import { until } from '../support/until.ts'

/** The shipped server and the real livekit-server, which reports to it; people with real WebRTC clients. */
const found = findLivekitServer()
const title = 'missing' in found ? `skipped: ${found.missing}` : 'a call with the real LiveKit'

describe.skipIf('missing' in found)(title, { timeout: 90_000 }, () => {
  let house: CallHouse
  let ada: ApiPerson
  let bo: ApiPerson
  let roomId: string
  let watch: LiveWatch
  let rooms = 0

  beforeAll(async () => {
    house = await openCallHouse({ env: { CHATTO_CALLS_LISTING_INTERVAL_S: '3' } })
    ada = await house.register('ada')
    bo = await house.register('bo')
  }, 90_000)

  beforeEach(async () => {
    rooms += 1
    roomId = (await ada.createRoom(`room ${rooms}`)).id
    await ada.addMember(roomId, bo)
    watch = await watchLive(house.server.url, bo)
  })

  afterEach(async () => {
    await house.leaveAll()
    await watch.close()
    expect(watch.gaps).toBe(0)
  })

  afterAll(async () => {
    await house.dispose()
    await disposeRtc()
  }, 60_000)

  const connected = (who: ApiPerson, timeoutMs?: number) =>
    watch.untilFact(roomId, 'participant.connected', (f) => f.userId === who.id, timeoutMs)
  const about = (who: ApiPerson) =>
    watch
      .facts(roomId)
      .filter((fact) => fact.type.startsWith('participant.'))
      .filter((fact) => 'userId' in fact && fact.userId === who.id)
      .map((fact) => fact.type)
  const types = () => watch.facts(roomId).map((fact: Fact) => fact.type)

  test('R1 R6 R14 R15 R26 R46 Ada and Bo come, talk and go: each thing is told once', async () => {
    const adas = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    const bos = await house.enter(bo, roomId, 'b1')
    await connected(bo)
    expect(bos.join).toMatchObject({ callId: adas.join.callId, e2eeKey: adas.join.e2eeKey })
    await Promise.all([adas.rtc.playTone(440), bos.rtc.showPicture()])
    await Promise.all([
      bos.rtc.untilHears(adas.rtc.identity, 440),
      adas.rtc.untilPictures(bos.rtc.identity, 5),
    ])
    // A hang-up: the server is told, then LiveKit, which tells the server once more.
    await ada.leave(roomId, adas.join.callId, 'a1')
    await adas.rtc.leave()
    await until(
      'LiveKit has only Bo',
      5_000,
      async () => (await house.listed(bos.join)).length === 1,
    )
    await bo.leave(roomId, bos.join.callId, 'b1')
    await watch.untilFact(roomId, 'call.ended')
    await bos.rtc.leave()

    const next = await house.enter(ada, roomId, 'a2')
    await watch.untilFact(roomId, 'participant.connected', (f) => f.callId === next.join.callId)
    expect(next.join.callId).not.toBe(adas.join.callId)
    expect(next.join.e2eeKey).not.toBe(adas.join.e2eeKey)
    expect(types()).toEqual([
      'call.started',
      'participant.joined',
      'participant.connected',
      'participant.joined',
      'participant.connected',
      'participant.left',
      'participant.left',
      'call.ended',
      'call.started',
      'participant.joined',
      'participant.connected',
    ])
  })

  test('R9 R12 Ada’s second device takes over, the first is thrown out: nobody sees anything of it', async () => {
    const first = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    const second = await house.enter(ada, roomId, 'a2')
    expect(await first.rtc.untilDisconnected()).toBe('PARTICIPANT_REMOVED')
    // The first page's token still opens LiveKit's door: it is thrown out again.
    const again = await joinAsPerson(first.join)
    expect(await again.untilDisconnected()).toBe('PARTICIPANT_REMOVED')
    // And its late leave, beacon and LiveKit's late report change nothing.
    await ada.leave(roomId, first.join.callId, 'a1')
    await ada.close(first.join)
    await until('only the second device is there', 5_000, async () => {
      const identities = await house.listed(second.join)
      return identities.length === 1 && identities[0] === second.rtc.identity
    })
    expect(about(ada)).toEqual(['participant.joined', 'participant.connected'])
    expect(await ada.shown(roomId)).toEqual(['ada connected'])
    expect(second.rtc.disconnectReason).toBeNull()
  })

  test('R13 hanging up twice succeeds, and is told once', async () => {
    await house.enter(bo, roomId, 'b1')
    const { join } = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    expect(await ada.leave(roomId, join.callId, 'a1')).toBe(true)
    expect(await ada.leave(roomId, join.callId, 'a1')).toBe(false)
    expect(about(ada).filter((type) => type === 'participant.left')).toHaveLength(1)
  })

  test('R8 R16 R17 R34 a lone person’s reload keeps the call, its key and its history', async () => {
    const first = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    // What a closing page does: the beacon, and LiveKit's own goodbye.
    await ada.close(first.join)
    await first.rtc.leave()
    await watch.untilFact(roomId, 'participant.reconnecting')
    const second = await house.enter(ada, roomId, 'a2')
    expect(second.join).toMatchObject({
      callId: first.join.callId,
      e2eeKey: first.join.e2eeKey,
      keyEpoch: first.join.keyEpoch,
    })
    await until('Ada is back', 5_000, async () => (await ada.shown(roomId))[0] === 'ada connected')
    // Past the doubt of the page that closed, and the listing after it.
    await until('the old page is over', 20_000, async () => {
      await bo.post(roomId, 'still there?')
      const last = watch.facts(roomId).at(-1)
      return last !== undefined && last.at - first.join.call.startedAt > 14_000
    })
    expect(types().filter((type) => type !== 'message.posted')).toEqual([
      'call.started',
      'participant.joined',
      'participant.connected',
      'participant.reconnecting',
      'participant.connected',
    ])
  })

  test('R20 R30 a lone person’s full reconnect brings a new session of the same connection', async () => {
    const { join, rtc } = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    await rtc.playTone(440)
    const before = rtc.participantSid
    await rtc.room.simulateScenario(SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
    await until('the session is a new one', 15_000, () => {
      const sid = rtc.participantSid
      return sid !== '' && sid !== before
    })
    await until('Ada is connected', 5_000, async () => {
      const [shown] = await ada.shown(roomId)
      return shown === 'ada connected'
    })
    const again = await ada.join(roomId, 'a1')
    expect(again).toMatchObject({ callId: join.callId, e2eeKey: join.e2eeKey })
    expect(types()).not.toContain('participant.left')
    expect(types()).not.toContain('call.ended')
  })

  test('R34 a closed tab without any word is gone within 15 s, and the lone call with it', async () => {
    const { rtc } = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    const before = performance.now()
    await rtc.leave()
    const ended = await watch.untilFact(roomId, 'call.ended', () => true, 20_000)
    const tookMs = performance.now() - before
    console.info(`closed tab: gone after ${Math.round(tookMs)} ms`)
    expect(tookMs).toBeLessThan(15_000)
    expect(ended).toMatchObject({ reason: 'last-left' })
    expect(watch.facts(roomId).find((fact) => fact.type === 'participant.left')).toMatchObject({
      reason: 'expired',
      source: 'deadline',
    })
  })

  test('R25 R39 LiveKit rooms: of an ended call it is closed, of a call that we never knew it is left alone', async () => {
    const { join, rtc } = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    const name = livekitNameOf(join)
    const unknown = `${name.split('@')[0]}@nobody-knows`
    await house.livekitRooms.createRoom({ name: unknown, emptyTimeout: 120 })
    await ada.leave(roomId, join.callId)
    await rtc.leave()
    await until('the ended call’s room is closed', 15_000, async () => {
      const open = await house.livekitRooms.listRooms([name])
      return open.length === 0
    })
    // Somebody with an old token opens it again: the next pass closes it.
    await house.livekitRooms.createRoom({ name, emptyTimeout: 120 })
    await until('it is closed again', 15_000, async () => {
      const open = await house.livekitRooms.listRooms([name])
      return open.length === 0
    })
    expect(await house.livekitRooms.listRooms([unknown])).toHaveLength(1)
    expect(await ada.call(roomId)).toBeNull()
  })

  test('R7 R29 Bo joins and never connects: gone after the deadline, Ada stays', async () => {
    await house.server.kill()
    await watch.untilClosed()
    await house.server.start({ CHATTO_CALLS_JOIN_DEADLINE_S: '5' })
    watch = await watchLive(house.server.url, bo, watch)
    await house.enter(ada, roomId, 'a1')
    await connected(ada)
    await bo.join(roomId, 'b1')
    const left = await watch.untilFact(
      roomId,
      'participant.left',
      (fact) => fact.userId === bo.id,
      25_000,
    )
    expect(left).toMatchObject({ reason: 'expired', source: 'deadline' })
    expect(await ada.shown(roomId)).toEqual(['ada connected'])
  })
})
