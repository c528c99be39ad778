/** Calls over HTTP, with LiveKit's reports signed by its own SDK: joining, leaving, what they answer. */
import { decodeJwt, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Call, Join, Room } from '../../../server/protocol/wire.ts'
import {
  livekitKey,
  livekitSecret,
  runApp,
  signAsLivekit,
  toWebhook,
  type Person,
  type RunningApp,
} from '../../support/running-app.ts'

let app: RunningApp
let ada: Person
let bo: Person
let cleo: Person
beforeAll(async () => {
  app = await runApp()
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
  cleo = await app.signUp('cleo')
})
afterAll(() => app.close())

async function roomOfAdaAndBo(): Promise<Room> {
  const room = await ada.makeRoom('Bridge')
  await bo.enter(room)
  return room
}

const callOf = (room: Room) => ada.get<Call | null>(`/api/rooms/${room.id}/call`)
/** `['Ada connected', …]` */
const shown = async (room: Room) =>
  ((await callOf(room))?.participants ?? []).map((p) => `${p.displayName} ${p.state}`)
const factTypes = async (room: Room) =>
  (await app.store.rooms.factsAfter(room.id, 0, 1000)).map(({ type }) => type)
const ignoredReasons = async () => {
  const { ignored } = await ada.get<{ ignored: { reason: string }[] }>('/api/admin/ignored')
  return ignored.map(({ reason }) => reason)
}

/** What earlier calls left to be done is done, or given up, at its own time. */
const withoutEffects = (dump: string) => dump.replace(/^-- effects:[^]*?(?=^-- )/m, '')

describe('joining', () => {
  test('R1 R4 the first join starts the call and gives token, url, key and view of that very call', async () => {
    const room = await roomOfAdaAndBo()
    expect(await callOf(room)).toBeNull()
    const join = await ada.join(room, 'page-1')
    expect(join).toMatchObject({
      connectionId: 'page-1',
      livekitUrl: 'ws://127.0.0.1:1',
      keyEpoch: 0,
      call: {
        callId: join.callId,
        roomId: room.id,
        startedBy: ada.id,
        confirmed: true,
        participants: [{ userId: ada.id, displayName: 'Ada', state: 'joining' }],
      },
    })
    expect(Buffer.from(join.e2eeKey, 'base64')).toHaveLength(32)

    const secret = new TextEncoder().encode(livekitSecret)
    const { payload } = await jwtVerify(join.token, secret, { issuer: livekitKey })
    const { exp = 0, nbf = 0, sub, video } = payload as typeof payload & { video: object }
    expect(sub).toBe(`${ada.id}:page-1`)
    expect(exp - nbf).toBeLessThanOrEqual(300)
    expect(join.tokenExpiresAt).toBe(exp * 1000)
    expect(video).toMatchObject({ roomJoin: true, canUpdateOwnMetadata: false })
    expect((video as { room: string }).room).toMatch(
      new RegExp(`^[0-9a-f]{16}\\.${room.id}@${join.callId}$`),
    )
    expect(video).not.toHaveProperty('roomAdmin')
  })

  test('R1 Bo’s join is the same call with the same key; both see it in their lists', async () => {
    const room = await roomOfAdaAndBo()
    const hers = await ada.join(room)
    const his = await bo.join(room)
    expect([his.callId, his.e2eeKey]).toEqual([hers.callId, hers.e2eeKey])
    expect(his.connectionId).not.toBe(hers.connectionId)
    const { calls } = await bo.get<{ calls: Call[] }>('/api/calls')
    expect(calls).toContainEqual(await callOf(room))
  })

  test('the body of a join may be empty; a bad connectionId is a 400', async () => {
    const room = await roomOfAdaAndBo()
    const at = `/api/rooms/${room.id}/call/join`
    const authorization = `Bearer ${ada.token}`
    const empty = await app.ask('POST', at, { headers: { authorization } })
    expect(empty.status).toBe(200)
    for (const connectionId of ['', 'x'.repeat(65), 'a:b', 'a b', 7, null, {}]) {
      expect((await ada.ask('POST', at, { connectionId })).status).toBe(400)
    }
  })

  test('R8 the same page asks again: a new token, the present key, no second fact', async () => {
    const room = await roomOfAdaAndBo()
    const first = await ada.join(room, 'page-1')
    const before = await factTypes(room)
    const again = await ada.join(room, 'page-1')
    expect([again.callId, again.connectionId, again.e2eeKey]).toEqual([
      first.callId,
      first.connectionId,
      first.e2eeKey,
    ])
    expect(await factTypes(room)).toEqual(before)
  })

  test('R11 a full call refuses with a code, and lets back in who is in it', async () => {
    const small = await runApp({ env: { CHATTO_CALLS_MOST_PEOPLE: '1' } })
    try {
      const ivo = await small.signUp('ivo')
      const eve = await small.signUp('eve')
      const room = await ivo.makeRoom('Tender')
      await eve.enter(room)
      await ivo.join(room, 'page-1')
      const refused = await eve.ask('POST', `/api/rooms/${room.id}/call/join`, {})
      expect(refused.status).toBe(409)
      expect(refused.body).toMatchObject({ error: { code: 'call-full' } })
      expect((await ivo.join(room, 'page-2')).connectionId).toBe('page-2')
    } finally {
      await small.close()
    }
  })
})

describe('leaving', () => {
  test('R12 R13 R14 the last leave ends the call; leaving again says false and changes nothing', async () => {
    const room = await roomOfAdaAndBo()
    const { callId, connectionId } = await ada.join(room)
    const at = `/api/rooms/${room.id}/call/leave`
    expect((await ada.ask('POST', at, { callId, connectionId })).body).toEqual({ left: true })
    expect(await callOf(room)).toBeNull()
    const before = await factTypes(room)
    expect(before.slice(-2)).toEqual(['participant.left', 'call.ended'])
    expect((await ada.ask('POST', at, { callId, connectionId })).body).toEqual({ left: false })
    expect((await bo.ask('POST', at, { callId })).body).toEqual({ left: false })
    expect(await factTypes(room)).toEqual(before)
  })

  test('R12 a late leave of the old connection does not remove the new one', async () => {
    const room = await roomOfAdaAndBo()
    const old = await ada.join(room, 'page-1')
    const fresh = await ada.join(room, 'page-2')
    await app.report({ event: 'participant_joined', join: fresh })
    await ada.hangUp(old)
    expect(await shown(room)).toEqual(['Ada connected'])
  })

  test('R17 a closing page says so: left is false, the person is reconnecting', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room, 'page-1')
    await app.report({ event: 'participant_joined', join })
    const at = `/api/rooms/${room.id}/call/leave`
    const { callId, connectionId } = join
    const beacon = await ada.ask('POST', at, { callId, connectionId, closing: true })
    expect(beacon.body).toEqual({ left: false })
    expect(await shown(room)).toEqual(['Ada reconnecting'])
    const nameless = await ada.ask('POST', at, { callId, closing: true })
    expect(nameless.status).toBe(400)
    expect(nameless.body).toMatchObject({ error: { details: { field: 'connectionId' } } })
  })

  test.each([
    ['callId', {}],
    ['callId', { callId: '' }],
    ['callId', { callId: 7 }],
    ['callId', { callId: 'a\0' }],
    ['callId', { callId: 'x'.repeat(129) }],
    ['connectionId', { callId: 'x', connectionId: 'a:b' }],
    ['closing', { callId: 'x', closing: 'yes' }],
    ['reason', { callId: 'x', reason: 'xstate.done' }],
  ])('400 that names %s: %j', async (field, body) => {
    const room = await roomOfAdaAndBo()
    const answer = await ada.ask('POST', `/api/rooms/${room.id}/call/leave`, body)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ error: { details: { field } } })
  })

  test('R19 R42 deleting the room ends its call and its key goes in the same commit', async () => {
    const room = await roomOfAdaAndBo()
    const { callId } = await ada.join(room)
    expect(await app.store.calls.key(callId)).toBeDefined()
    expect((await ada.ask('DELETE', `/api/rooms/${room.id}`)).status).toBe(204)
    expect(await app.store.calls.key(callId)).toBeUndefined()
    const facts = await app.store.rooms.factsAfter(room.id, 0, 1000)
    expect(facts.at(-1)).toMatchObject({ type: 'call.ended', reason: 'room-deleted', callId })
  })

  test('R15 after the end a join is a new call with a new key; what names the old one changes nothing', async () => {
    const room = await roomOfAdaAndBo()
    const old = await ada.join(room)
    await ada.hangUp(old)
    const fresh = await bo.join(room)
    expect(fresh.callId).not.toBe(old.callId)
    expect(fresh.e2eeKey).not.toBe(old.e2eeKey)
    const before = await factTypes(room)
    await ada.hangUp(old)
    expect(await factTypes(room)).toEqual(before)
  })
})

describe('LiveKit’s reports', () => {
  test('R6 R22 R26 joined makes her connected, is committed when answered, and is one fact', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room)
    expect(await shown(room)).toEqual(['Ada joining'])
    const answer = await app.report({ event: 'participant_joined', join })
    expect([answer.status, answer.body]).toEqual([200, {}])
    expect(await shown(room)).toEqual(['Ada connected'])
    await ada.hangUp(join)
    await app.report({ event: 'participant_left', join, reason: 'CLIENT_INITIATED' })
    expect(await factTypes(room)).toEqual([
      'member.joined',
      'member.joined',
      'call.started',
      'participant.joined',
      'participant.connected',
      'participant.left',
      'call.ended',
    ])
  })

  test('R23 the same webhook id changes nothing the second time', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room)
    const report = { event: 'participant_joined', join, webhookId: `EV_twice_${room.id}` }
    await app.report(report)
    await app.report({ event: 'participant_left', join })
    expect(await shown(room)).toEqual(['Ada reconnecting'])
    expect((await app.report(report)).status).toBe(200)
    expect(await shown(room)).toEqual(['Ada reconnecting'])
  })

  test('R25 R32 reports about an ended call change no later one, and are kept with their reason', async () => {
    const room = await roomOfAdaAndBo()
    const old = await ada.join(room)
    await ada.hangUp(old)
    await bo.join(room)
    const before = await factTypes(room)
    for (const event of ['participant_joined', 'participant_left', 'room_finished']) {
      expect((await app.report({ event, join: old })).status).toBe(200)
    }
    expect(await factTypes(room)).toEqual(before)
    expect((await ignoredReasons()).slice(0, 3)).toEqual(['stale-call', 'stale-call', 'stale-call'])
  })

  test('R24 R32 a foreign or unparsable room name is ignored', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room)
    const { video } = decodeJwt<{ video: { room: string } }>(join.token)
    const names = ['lobby', `ffffffffffffffff.${room.id}@${join.callId}`, `${video.room}@x`, '..@']
    for (const name of names) {
      const answer = await app.report({ event: 'participant_joined', join, room: name })
      expect(`${name} ${answer.status}`).toBe(`${name} 200`)
    }
    expect(await shown(room)).toEqual(['Ada joining'])
    await expect.poll(ignoredReasons).toContain('foreign-room')
  })

  test('R28 R32 an identity that was never issued is not listed, and recorded', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room)
    for (const identity of [`${bo.id}:made-up`, 'eve', `${ada.id}:`, '__proto__:page']) {
      expect((await app.report({ event: 'participant_joined', join, identity })).status).toBe(200)
    }
    expect(await shown(room)).toEqual(['Ada joining'])
    expect(await ignoredReasons()).toContain('unknown-identity')
  })

  test('R28 hidden, agent and recorder participants are left alone; R30 so is who is not ACTIVE', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room)
    for (const permission of [{ hidden: true }, { agent: true }, { recorder: true }]) {
      await app.report({ event: 'participant_joined', join, permission })
    }
    for (const state of ['JOINING', 'JOINED', 'DISCONNECTED', 'xstate.done']) {
      await app.report({ event: 'participant_joined', join, state })
    }
    expect(await shown(room)).toEqual(['Ada joining'])
  })

  test('R12 a late left of a dead session does not touch the new one', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room)
    const first = { join, sid: 'PA_1', joinedAtMs: 1_000 }
    await app.report({ event: 'participant_joined', ...first })
    await app.report({ event: 'participant_joined', join, sid: 'PA_2', joinedAtMs: 2_000 })
    await app.report({ event: 'participant_left', ...first })
    expect(await shown(room)).toEqual(['Ada connected'])
  })

  test('R21 refused, whatever is wrong: 401, and no state touched', async () => {
    const room = await roomOfAdaAndBo()
    const join: Join = await ada.join(room)
    const body = JSON.stringify(toWebhook({ event: 'participant_joined', join }))
    const good = await signAsLivekit(body)
    const before = withoutEffects(await app.dump())
    const table: [string, string | undefined, string][] = [
      ['no signature', undefined, body],
      ['a bearer', `Bearer ${good}`, body],
      ['another body', good, body.replace('ACTIVE', 'JOINED')],
      [
        'another secret',
        await signAsLivekit(body, livekitKey, 'some-other-secret-of-32-characters'),
        body,
      ],
      ['another key', await signAsLivekit(body, 'eve', livekitSecret), body],
      ['an empty body without a signature', undefined, ''],
      ['a call’s token', join.token, body],
    ]
    for (const [what, authorization, sent] of table) {
      const answer = await app.reportRaw(sent, { authorization })
      expect(`${what}: ${answer.status}`).toBe(`${what}: 401`)
    }
    expect(withoutEffects(await app.dump())).toBe(before)
  })

  test('R21 413 for more than a megabyte, 415 for another type, 400 for what is signed and no report', async () => {
    const huge = JSON.stringify({ event: 'participant_joined', id: 'x', pad: 'x'.repeat(1 << 20) })
    expect((await app.reportRaw(huge)).status).toBe(413)
    const other = { 'content-type': 'application/json' }
    expect((await app.reportRaw('{}', other)).status).toBe(415)
    for (const body of [
      '',
      '{}',
      '[]',
      'null',
      '{"event":1,"id":"a"}',
      '{"event":"room_started"',
    ]) {
      expect(`${body} ${(await app.reportRaw(body)).status}`).toBe(`${body} 400`)
    }
  })

  test('R22 503 while the database cannot be written, 200 when LiveKit tries again', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room)
    const { commit } = app.store.rooms
    app.store.rooms.commit = () => Promise.reject(new Error('disk full'))
    const report = { event: 'participant_joined', join, webhookId: `EV_again_${room.id}` }
    try {
      const failed = await app.report(report)
      expect(failed.status).toBe(503)
      expect(failed.body).toMatchObject({ error: { code: 'unavailable' } })
    } finally {
      app.store.rooms.commit = commit
    }
    expect((await app.report(report)).status).toBe(200)
    expect(await shown(room)).toEqual(['Ada connected'])
  })

  test('R32 what was ignored is told by the name that LiveKit gave it', async () => {
    const room = await roomOfAdaAndBo()
    const join = await ada.join(room)
    await ada.hangUp(join)
    await app.report({ event: 'participant_joined', join, webhookId: `EV_late_${room.id}` })
    const newest = async () => {
      const { ignored } = await ada.get<{ ignored: object[] }>('/api/admin/ignored')
      return ignored[0]
    }
    await expect.poll(newest).toMatchObject({
      event: 'participant_joined',
      reason: 'stale-call',
      callId: join.call.callId,
    })
  })

  test('admins see it, nobody else: 403; Cleo is not even told whether reports arrive', async () => {
    expect((await cleo.ask('GET', '/api/admin/ignored')).status).toBe(403)
    expect((await cleo.ask('GET', '/api/admin/health')).status).toBe(403)
    const health = await ada.get<object>('/api/admin/health')
    expect(health).toMatchObject({
      livekit: { since: expect.any(Number) },
      webhooks: {
        silent: false,
        lastAt: expect.any(Number),
        url: expect.stringContaining('/webhooks/livekit'),
      },
      unconfirmedCalls: expect.any(Number),
    })
  })
})

describe('R50 while calls are disabled', () => {
  let quiet: RunningApp
  beforeAll(async () => {
    quiet = await runApp({ calls: false })
  })
  afterAll(() => quiet.close())

  test('every call endpoint answers 200 null before any other check', async () => {
    const paths = [
      ['GET', '/api/calls'],
      ['GET', '/api/rooms/nowhere/call'],
      ['GET', '/api/rooms/%2e%2e/call'],
      ['POST', '/api/rooms/nowhere/call/join'],
      ['POST', '/api/rooms/nowhere/call/leave'],
    ] as const
    for (const [method, path] of paths) {
      for (const headers of [{}, { origin: 'https://evil.example' }, { host: 'evil.example' }]) {
        const raw = method === 'POST' ? '{"no json' : undefined
        const answer = await quiet.ask(method, path, { headers, ...(raw && { raw }) })
        expect([path, answer.status, answer.text]).toEqual([path, 200, 'null'])
      }
    }
  })

  test('webhooks get 200 null, unread; rooms have no call; the configuration says so', async () => {
    const answer = await quiet.reportRaw('\xff not even JSON', { authorization: 'x' })
    expect([answer.status, answer.text]).toEqual([200, 'null'])
    const ivo = await quiet.signUp('ivo')
    expect(await ivo.makeRoom('Quiet')).toMatchObject({ call: null })
    expect((await quiet.ask('GET', '/api/config')).body).toEqual({
      name: 'Harbour',
      version: '0.0.0-test',
      calls: { enabled: false },
    })
    expect(await ivo.get('/api/admin/health')).toMatchObject({ livekit: { state: 'off' } })
  })

  test('a call that was on ended with reason calls-disabled, and its key went', async () => {
    const first = await runApp()
    const ivo = await first.signUp('ivo')
    const room = await ivo.makeRoom('Bridge')
    const { callId } = await ivo.join(room)
    await first.stop()
    const second = await runApp({ calls: false, folder: first.folder })
    try {
      const facts = await second.store.rooms.factsAfter(room.id, 0, 100)
      expect(facts.at(-1)).toMatchObject({ type: 'call.ended', reason: 'calls-disabled', callId })
      expect(await second.store.calls.key(callId)).toBeUndefined()
    } finally {
      await second.close()
    }
  })
})
