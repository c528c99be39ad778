import { AccessToken } from 'livekit-server-sdk'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ApiPerson } from '../support/api-person.ts'
import { identityOf, livekitNameOf, openCallHouse, type CallHouse } from '../support/call-house.ts'
import { findLivekitServer } from '../support/livekit-server.ts'
import { watchLive, type LiveWatch } from '../support/live-watch.ts'
import { disposeRtc, joinAsPerson } from '../support/rtc-person.ts'
import { openSignalLine } from '../support/signal-line.ts'
import { until } from '../support/until.ts'

/** Who was removed, forged or deleted is out, whatever they still hold; with the real livekit-server. */
const found = findLivekitServer()
const title =
  'missing' in found
    ? `skipped: ${found.missing}`
    : 'who is shut out of a call with the real LiveKit'

describe.skipIf('missing' in found)(title, { timeout: 90_000 }, () => {
  let house: CallHouse
  let ada: ApiPerson
  let bo: ApiPerson
  let eve: ApiPerson
  let cleo: ApiPerson
  let roomId: string
  let watch: LiveWatch
  let rooms = 0

  beforeAll(async () => {
    house = await openCallHouse({ env: { CHATTO_CALLS_LISTING_INTERVAL_S: '3' } })
    ada = await house.register('ada')
    bo = await house.register('bo')
    eve = await house.register('eve')
    cleo = await house.register('cleo')
  }, 90_000)

  beforeEach(async () => {
    rooms += 1
    roomId = (await ada.createRoom(`room ${rooms}`)).id
    await ada.addMember(roomId, bo)
    await ada.addMember(roomId, eve)
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

  test('R18 R27 R32 Eve is removed: thrown out, and never listed again with her old or refreshed token', async () => {
    const adas = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    const eves = await house.enter(eve, roomId, 'e1')
    await connected(eve)
    // A second line of hers collects what LiveKit refreshes.
    const collecting = await openSignalLine(house.livekit.url, eves.join.token)
    const refreshed = await collecting.untilRefreshedToken()
    await ada.removeMember(roomId, eve)
    await watch.untilFact(roomId, 'participant.left', (fact) => fact.userId === eve.id)
    await collecting.untilClosed(10_000)
    expect(await ada.shown(roomId)).toEqual(['ada connected'])

    for (const token of [eves.join.token, refreshed]) {
      const back = await joinAsPerson({ livekitUrl: house.livekit.url, token })
      expect(await back.untilDisconnected()).toBe('PARTICIPANT_REMOVED')
      // Without media no report tells of her; the listing does.
      const line = await openSignalLine(house.livekit.url, token)
      await line.untilClosed(15_000)
    }
    await until(
      'LiveKit has only Ada',
      5_000,
      async () => (await house.listed(adas.join)).length === 1,
    )
    expect(about(eve)).toEqual(['participant.joined', 'participant.connected', 'participant.left'])
    expect((await eve.request('POST', `/api/rooms/${roomId}/call/join`, {})).status).toBe(403)
    const ignored = await ada.request('GET', '/api/admin/ignored')
    expect(JSON.stringify(ignored.body)).toContain(`"identity":"${identityOf(eves.join)}"`)

    // Let in again she is a new connection: the old one stays shut out (R18).
    await ada.addMember(roomId, eve)
    const returned = await house.enter(eve, roomId, 'e1')
    expect(returned.join.connectionId).not.toBe('e1')
    await until('Eve is back', 5_000, async () =>
      (await ada.shown(roomId)).includes('eve connected'),
    )
    const old = await joinAsPerson({ livekitUrl: house.livekit.url, token: refreshed })
    await old.untilDisconnected()
    expect(await ada.shown(roomId)).toEqual(['ada connected', 'eve connected'])
  })

  test('R5 R45 after Eve’s removal the others get a new key and go on; her old key opens nothing', async () => {
    const adasWatch = await watchLive(house.server.url, ada)
    const evesWatch = await watchLive(house.server.url, eve)
    const adas = await house.enter(ada, roomId, 'a1')
    const bos = await house.enter(bo, roomId, 'b1')
    const eves = await house.enter(eve, roomId, 'e1')
    // Stands for Eve if she stayed connected: her page keeps the old key, even in the new one's place.
    await ada.addMember(roomId, cleo)
    const cleos = await house.enter(cleo, roomId, 'c1')
    await adas.rtc.showPicture()
    await Promise.all([bos, eves, cleos].map(({ rtc }) => rtc.untilPictures(adas.rtc.identity, 5)))
    await ada.removeMember(roomId, eve)
    const keyOf = (socket: LiveWatch) =>
      socket.messages.find((message) => message.type === 'key' && message.roomId === roomId)
    const [adasKey, bosKey] = await Promise.all(
      [adasWatch, watch].map((socket) =>
        until('the next key is there', 3_000, () => keyOf(socket)),
      ),
    )
    expect(bosKey).toEqual(adasKey)
    expect(adasKey).toMatchObject({ callId: adas.join.callId, keyEpoch: 1 })
    if (adasKey?.type !== 'key') throw new Error('no key')
    expect(adasKey.e2eeKey).not.toBe(adas.join.e2eeKey)
    cleos.rtc.takeKey(adas.join.e2eeKey, adasKey.keyEpoch)
    for (const { rtc } of [bos, adas]) rtc.takeKey(adasKey.e2eeKey, adasKey.keyEpoch)
    // What was on its way when Ada changed over is there by then.
    await bos.rtc.untilPictures(adas.rtc.identity, 5)
    const cleoHad = cleos.rtc.picturesOf(adas.rtc.identity)
    await bos.rtc.untilPictures(adas.rtc.identity, 20)
    expect(cleos.rtc.picturesOf(adas.rtc.identity)).toBe(cleoHad)
    expect(keyOf(evesWatch)).toBeUndefined()

    // However often she comes back, for as long as she is let stay.
    for (let visit = 0; visit < 3; visit += 1) {
      // Thrown out before she was in, her client may never say so; any other end is a failure.
      const back = await joinAsPerson(eves.join).catch((error: unknown) => {
        expect(String(error)).toContain('did not answer')
        return null
      })
      await back?.untilDisconnected()
      expect(back?.picturesOf(adas.rtc.identity) ?? 0).toBe(0)
    }
    // Who asks again gets the present key (R8).
    expect(await bo.join(roomId, 'b1')).toMatchObject({ keyEpoch: 1, e2eeKey: adasKey.e2eeKey })
    await bos.rtc.untilPictures(adas.rtc.identity, 5)
    await Promise.all([adasWatch.close(), evesWatch.close()])
  })

  test('R28 R32 an identity that we never issued is thrown out and recorded, never listed', async () => {
    const { join } = await house.enter(ada, roomId, 'a1')
    await connected(ada)
    const token = new AccessToken(house.livekit.apiKey, house.livekit.apiSecret, {
      identity: `${bo.id}:forged`,
      ttl: 60,
    })
    token.addGrant({ roomJoin: true, room: livekitNameOf(join) })
    const forger = await joinAsPerson({
      livekitUrl: house.livekit.url,
      token: await token.toJwt(),
    })
    expect(await forger.untilDisconnected()).toBe('PARTICIPANT_REMOVED')
    expect(await ada.shown(roomId)).toEqual(['ada connected'])
    expect(about(bo)).toEqual([])
    const { body } = await ada.request('GET', '/api/admin/ignored')
    const { ignored } = body as { ignored: { reason: string; identity?: string }[] }
    expect(ignored).toContainEqual(
      expect.objectContaining({ reason: 'unknown-identity', identity: `${bo.id}:forged` }),
    )
  })

  test('R19 R39 the room is deleted: the call ends, LiveKit’s room is closed, everybody is out', async () => {
    const adas = await house.enter(ada, roomId, 'a1')
    const bos = await house.enter(bo, roomId, 'b1')
    await connected(bo)
    expect((await ada.request('DELETE', `/api/rooms/${roomId}`)).status).toBe(204)
    expect(await bos.rtc.untilDisconnected()).toBe('ROOM_DELETED')
    await adas.rtc.untilDisconnected()
    await until('LiveKit’s room is closed', 10_000, async () => {
      const open = await house.livekitRooms.listRooms([livekitNameOf(adas.join)])
      return open.length === 0
    })
    await until('Bo’s socket lost the room', 5_000, () => !watch.has(roomId))
    const ended = watch.messages.findLast((m) => m.type === 'facts' && m.roomId === roomId)
    expect(ended).toMatchObject({
      facts: expect.arrayContaining([
        expect.objectContaining({ type: 'call.ended', reason: 'room-deleted' }),
      ]),
    })
  })
})
