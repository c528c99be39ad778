import { randomBytes } from 'node:crypto'
import { AccessToken, WebhookReceiver } from 'livekit-server-sdk'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { toLivekitRoomName } from '../../../server/livekit/livekit-room-name.ts'
import { createLivekitRooms, type LivekitRooms } from '../../../server/livekit/room-service.ts'
import { issueToken } from '../../../server/livekit/tokens.ts'
import { verifyWebhook } from '../../../server/livekit/webhook-signature.ts'
import {
  findLivekitServer,
  startLivekitServer,
  type LivekitServer,
} from '../../support/livekit-server.ts'
import { collectReports, type ReportCollector } from '../../support/report-collector.ts'
import { disposeRtc, joinAsPerson, type RtcPerson } from '../../support/rtc-person.ts'
import { until } from '../../support/until.ts'

/** With the real livekit-server and real WebRTC clients, over the loopback. */
const found = findLivekitServer()
const title = 'missing' in found ? `skipped: ${found.missing}` : 'with a real LiveKit'
const installationId = 'house'
const ada = 'ada:page1'
const bo = 'bo:page1'
const joined = 'livekit.participant.joined'
const left = 'livekit.participant.left'

describe.skipIf('missing' in found)(title, { timeout: 60_000 }, () => {
  let reports: ReportCollector
  let livekit: LivekitServer
  let rooms: LivekitRooms
  let people: RtcPerson[] = []
  let calls = 0

  beforeAll(async () => {
    reports = await collectReports(installationId)
    livekit = await startLivekitServer({ webhookUrls: [reports.url] })
    reports.trust(livekit)
    rooms = createLivekitRooms(livekit)
  }, 30_000)

  afterEach(async () => {
    await Promise.all(people.map((person) => person.leave()))
    people = []
  })

  afterAll(async () => {
    await disposeRtc()
    await livekit.dispose()
    await reports.close()
  }, 30_000)

  /** A call of its own for each test. */
  function newCall() {
    calls += 1
    const callId = `call${calls}`
    const name = toLivekitRoomName({ installationId, roomId: 'room1', callId })
    const e2eeKey = randomBytes(32).toString('base64')
    const tokenFor = (identity: string) =>
      issueToken({ ...livekit, livekitRoomName: name, identity, now: Date.now() })
    const join = async (identity: string, key: string | null = e2eeKey) => {
      const { token } = await tokenFor(identity)
      const encryption = key === null ? {} : { e2eeKey: key }
      const person = await joinAsPerson({ livekitUrl: livekit.url, token, ...encryption })
      people.push(person)
      return person
    }
    return { callId, name, join, tokenFor }
  }

  test('R4 Ada’s token lets her, and only her, into that very room', async () => {
    const call = newCall()
    const person = await call.join(ada)
    expect(person.identity).toBe(ada)
    const sessions = await until('Ada is up', 5_000, async () => {
      const listed = await rooms.listSessions(call.name)
      return listed[0]?.state === 'ACTIVE' && listed
    })
    expect(sessions).toEqual([
      {
        identity: ada,
        participantSid: person.participantSid,
        state: 'ACTIVE',
        joinedAtMs: expect.any(Number),
      },
    ])
    expect(Math.abs((sessions[0]?.joinedAtMs ?? 0) - Date.now())).toBeLessThan(30_000)
    const listed = await rooms.listRooms([call.name])
    expect(listed).toMatchObject([{ name: call.name, sid: expect.stringMatching(/^RM_/) }])
    expect(Math.abs((listed[0]?.creationTimeMs ?? 0) - Date.now())).toBeLessThan(30_000)

    const forged = await issueToken({
      ...livekit,
      apiSecret: 'not-the-secret-of-this-livekit-0123',
      livekitRoomName: call.name,
      identity: bo,
      now: Date.now(),
    })
    await expect(joinAsPerson({ livekitUrl: livekit.url, token: forged.token })).rejects.toThrow()
  })

  test('R41 R44 with the call’s key Ada and Bo see and hear each other, with another key Eve gets nothing', async () => {
    const call = newCall()
    const [a, b, eve] = await Promise.all([
      call.join(ada),
      call.join(bo),
      call.join('eve:page1', randomBytes(32).toString('base64')),
    ])
    await Promise.all([a.showPicture(), a.playTone(440), b.showPicture(), b.playTone(1000)])
    await Promise.all([
      a.untilPictures(bo, 10),
      b.untilPictures(ada, 10),
      a.untilHears(bo, 1000),
      b.untilHears(ada, 440),
    ])
    expect(a.hears(bo, 440)).toBe(false)
    // Eve is sent everything, and can do nothing with it.
    for (const { trackPublications } of eve.room.remoteParticipants.values()) {
      expect([...trackPublications.values()].map((track) => track.subscribed)).toEqual([true, true])
    }
    expect(eve.others().toSorted()).toEqual([ada, bo])
    expect(eve.picturesOf(ada) + eve.picturesOf(bo)).toBe(0)
    expect(eve.hears(ada, 440) || eve.hears(bo, 1000)).toBe(false)

    a.muteTone(true)
    await until('Bo sees that Ada is muted', 5_000, () => b.isMuted(ada) === true)
    await until('Bo hears Ada no more', 5_000, () => !b.hears(ada, 440))
    a.muteTone(false)
    await b.untilHears(ada, 440)
  })

  test('R45 with the next key Ada and Bo go on, and who has only the old one sees nothing new', async () => {
    const call = newCall()
    const [a, b, chen] = await Promise.all([call.join(ada), call.join(bo), call.join('chen:page1')])
    await a.showPicture()
    await Promise.all([b.untilPictures(ada, 3), chen.untilPictures(ada, 3)])
    const nextKey = randomBytes(32).toString('base64')
    b.takeKey(nextKey, 1)
    a.takeKey(nextKey, 1)
    // What was under way with the old key has arrived when the first of these has.
    await b.untilPictures(ada, 5)
    const before = chen.picturesOf(ada)
    await b.untilPictures(ada, 10)
    expect(chen.picturesOf(ada)).toBe(before)

    // Dana comes after that: the newer key is the only one that she ever had.
    const { token } = await call.tokenFor('dana:page1')
    const request = { livekitUrl: livekit.url, token, e2eeKey: nextKey, keyEpoch: 1 }
    const dana = await joinAsPerson(request)
    people.push(dana)
    await dana.showPicture()
    await Promise.all([dana.untilPictures(ada, 3), b.untilPictures('dana:page1', 3)])
    expect(chen.picturesOf('dana:page1')).toBe(0)
  })

  test('R6 R21 Ada’s coming and going is reported, signed and whole', async () => {
    const call = newCall()
    const person = await call.join(ada)
    const { participantSid } = person
    const started = await reports.untilReported(
      'livekit.room.started',
      (e) => e.callId === call.callId,
    )
    const up = await reports.untilReported(joined, (e) => e.callId === call.callId)
    expect(up).toEqual({
      type: joined,
      callId: call.callId,
      livekitRoomSid: started.livekitRoomSid,
      identity: ada,
      participantSid,
      state: 'ACTIVE',
      joinedAtMs: expect.any(Number),
    })
    const [room] = await rooms.listRooms([call.name])
    expect(room?.sid).toBe(up.livekitRoomSid)
    const [session] = await rooms.listSessions(call.name)
    expect(session?.joinedAtMs).toBe(up.joinedAtMs)

    await person.leave()
    const gone = await reports.untilReported(left, (e) => e.callId === call.callId)
    expect(gone).toMatchObject({ identity: ada, participantSid, reason: 'CLIENT_INITIATED' })
    expect(gone.joinedAtMs).toBe(up.joinedAtMs)
    expect(reports.requests.every(({ status }) => status === 200)).toBe(true)
  })

  test('R21 the SDK takes LiveKit’s own webhooks as we do, and neither takes them altered', async () => {
    await newCall().join(ada)
    await until('a webhook', 5_000, () => reports.requests.length > 0)
    const sdk = new WebhookReceiver(livekit.apiKey, livekit.apiSecret)
    for (const { rawBody, authorization } of reports.requests) {
      await sdk.receive(rawBody.toString(), authorization)
      expect(verifyWebhook(livekit, rawBody, authorization, Date.now())).toEqual({ ok: true })
      const altered = Buffer.concat([rawBody, Buffer.from(' ')])
      await expect(sdk.receive(altered.toString(), authorization)).rejects.toThrow('checksum')
      expect(verifyWebhook(livekit, altered, authorization, Date.now())).toEqual({
        ok: false,
        why: 'altered-body',
      })
    }
  })

  test('R18 an evicted Bo is out, is reported as removed, and evicting him again is no error', async () => {
    const call = newCall()
    const [, b] = await Promise.all([call.join(ada), call.join(bo)])
    await reports.untilReported(joined, (e) => e.callId === call.callId && e.identity === bo)
    expect(await rooms.evict(call.name, bo)).toBe('removed')
    expect(await b.untilDisconnected()).toBe('PARTICIPANT_REMOVED')
    const gone = await reports.untilReported(left, (e) => e.callId === call.callId)
    expect(gone).toMatchObject({ identity: bo, reason: 'PARTICIPANT_REMOVED' })
    await until('Bo is listed no more', 5_000, async () => {
      const listed = await rooms.listSessions(call.name)
      return listed.every(({ identity }) => identity !== bo)
    })
    expect(await rooms.evict(call.name, bo)).toBe('gone')
    expect(await rooms.evict('house.room1@never', bo)).toBe('gone')
  })

  test('R20 the same identity once more: the old session’s report tells why, the new one has another sid', async () => {
    const call = newCall()
    const first = await call.join(ada)
    await reports.untilReported(joined, (e) => e.callId === call.callId)
    const oldSid = first.participantSid
    const second = await call.join(ada)
    expect(await first.untilDisconnected()).toBe('DUPLICATE_IDENTITY')
    const gone = await reports.untilReported(left, (e) => e.callId === call.callId)
    expect(gone).toMatchObject({
      identity: ada,
      participantSid: oldSid,
      reason: 'DUPLICATE_IDENTITY',
    })
    const again = await reports.untilReported(
      joined,
      (e) => e.callId === call.callId && e.participantSid !== oldSid,
    )
    expect(again.participantSid).toBe(second.participantSid)
    expect(again.joinedAtMs).toBeGreaterThan(gone.joinedAtMs)
  })

  test('R31 R36 R39 a closed room throws everybody out, is reported, and is listed as empty', async () => {
    const call = newCall()
    const a = await call.join(ada)
    await reports.untilReported(joined, (e) => e.callId === call.callId)
    const [room] = await rooms.listRooms([call.name])
    await rooms.closeRoom(call.name)
    expect(await a.untilDisconnected()).toBe('ROOM_DELETED')
    const gone = await reports.untilReported(left, (e) => e.callId === call.callId)
    expect(gone.reason).toBe('ROOM_DELETED')
    const over = await reports.untilReported(
      'livekit.room.finished',
      (e) => e.callId === call.callId,
    )
    expect(over.livekitRoomSid).toBe(room?.sid)
    expect(await rooms.listRooms([call.name])).toEqual([])
    expect(await rooms.listSessions(call.name)).toEqual([])
    await rooms.closeRoom(call.name)
  })

  test('R28 somebody hidden is neither listed nor reported as a person', async () => {
    const call = newCall()
    await call.join(ada)
    const access = new AccessToken(livekit.apiKey, livekit.apiSecret, {
      identity: 'watcher',
      ttl: 60,
    })
    access.addGrant({ roomJoin: true, room: call.name, hidden: true })
    people.push(await joinAsPerson({ livekitUrl: livekit.url, token: await access.toJwt() }))
    const ignored = await until('the report is ignored', 5_000, () =>
      reports.ignored.find(
        ({ event, identity }) => event === 'participant_joined' && identity === 'watcher',
      ),
    )
    expect(ignored).toMatchObject({
      reason: 'not-a-call-event',
      roomId: 'room1',
      callId: call.callId,
    })
    const listed = await rooms.listSessions(call.name)
    expect(listed.map(({ identity }) => identity)).toEqual([ada])
  })

  test('R24 a room of somebody else’s making is ignored', async () => {
    const { token } = await issueToken({
      ...livekit,
      livekitRoomName: 'another.room1@call1',
      identity: ada,
      now: Date.now(),
    })
    people.push(await joinAsPerson({ livekitUrl: livekit.url, token }))
    await until('the report is ignored', 5_000, () =>
      reports.ignored.some(
        (report) => report.reason === 'foreign-room' && report.event === 'participant_joined',
      ),
    )
  })

  test('R5 a wrong secret and a LiveKit that is away are told apart, without a secret in the error', async () => {
    const apiSecret = 'not-the-secret-of-this-livekit-0123'
    const stranger = createLivekitRooms({ ...livekit, apiSecret })
    const refused = await stranger.ping().catch((error: unknown) => error)
    expect(refused).toMatchObject({ name: 'LivekitUnavailable', code: 'unauthenticated' })
    expect(JSON.stringify(refused, Object.getOwnPropertyNames(refused))).not.toContain(apiSecret)
    await rooms.ping()
  })

  test('R31 R36 while LiveKit is down nothing is listed as empty; after its restart the room has another sid', async () => {
    const call = newCall()
    await call.join(ada)
    const before = await reports.untilReported(joined, (e) => e.callId === call.callId)
    await livekit.kill()
    for (const asked of [
      () => rooms.listRooms(),
      () => rooms.listSessions(call.name),
      () => rooms.evict(call.name, ada),
      () => rooms.closeRoom(call.name),
      () => rooms.ping(),
    ]) {
      await expect(asked()).rejects.toMatchObject({ code: 'unreachable' })
    }
    await livekit.restart()
    await rooms.ping()
    // Ada’s client may come back by itself; another page of hers does at once.
    await call.join('ada:page2')
    const after = await reports.untilReported(joined, (e) => e.identity === 'ada:page2')
    expect(after.livekitRoomSid).not.toBe(before.livekitRoomSid)
  })

  test('R38 a LiveKit of `--dev`, to which nobody gave our address, can be asked and joined all the same', async () => {
    const dev = await startLivekitServer({ dev: true })
    try {
      const devRooms = createLivekitRooms(dev)
      await devRooms.ping()
      const room = { livekitRoomName: 'house.room1@dev', identity: ada, now: Date.now() }
      const { token } = await issueToken({ ...dev, ...room })
      const person = await joinAsPerson({ livekitUrl: dev.url, token })
      people.push(person)
      await until('Ada is listed', 5_000, async () => {
        const listed = await devRooms.listSessions('house.room1@dev')
        return listed[0]?.identity === ada && listed[0].state === 'ACTIVE'
      })
    } finally {
      await dev.dispose()
    }
  })
})
