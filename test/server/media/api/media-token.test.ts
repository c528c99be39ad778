/** Tokens as LiveKit checks them; LiveKit's own SDK is the oracle. */
import { createHmac } from 'node:crypto'
import { TrackSource } from '@livekit/protocol'
import { AccessToken, RoomConfiguration, TokenVerifier } from 'livekit-server-sdk'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { issueRefreshedToken, verifyMediaToken } from '../../../../server/media/api/media-token.ts'
import type { MediaGrants } from '../../../../server/media/link/media-grants.ts'
import { issueToken } from '../../../../server/livekit/tokens.ts'

const keys = { apiKey: 'testkey', apiSecret: 'a-secret-of-tests-only-0123456789' }
const now = Math.floor(Date.now() / 1000) * 1000
const nowS = now / 1000
const sdk = new TokenVerifier(keys.apiKey, keys.apiSecret)
const verify = (token: string) => verifyMediaToken(token, { ...keys, now })

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
function forge(claims: unknown, header: unknown = { alg: 'HS256' }, secret = keys.apiSecret) {
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
const good = {
  iss: keys.apiKey,
  sub: 'ada',
  nbf: nowS,
  exp: nowS + 300,
  video: { roomJoin: true, room: 'kitchen' },
}

function grantsOf(token: string): MediaGrants {
  const verdict = verify(token)
  if (!verdict.ok) throw new Error(verdict.why)
  return verdict.grants
}

test('the token that this program issues lets Ada into her room with what R4 gives her', async () => {
  const { token, expiresAt } = await issueToken({
    ...keys,
    livekitRoomName: 'kitchen',
    identity: 'ada:1',
    now,
  })
  expect(grantsOf(token)).toMatchObject({
    identity: 'ada:1',
    kind: 'standard',
    expiresAt,
    room: { emptyTimeout: 60, departureTimeout: 20 },
    video: {
      room: 'kitchen',
      roomJoin: true,
      roomAdmin: false,
      canPublish: true,
      canUpdateOwnMetadata: false,
      canPublishSources: [
        TrackSource.CAMERA,
        TrackSource.MICROPHONE,
        TrackSource.SCREEN_SHARE,
        TrackSource.SCREEN_SHARE_AUDIO,
      ],
    },
  })
})

test('everything that LiveKit’s SDK can put into a token arrives', async () => {
  const access = new AccessToken(keys.apiKey, keys.apiSecret, {
    identity: 'ada',
    name: 'Ada',
    metadata: '{"a":1}',
    attributes: { mood: 'good' },
    ttl: 60,
  })
  access.addGrant({
    roomAdmin: true,
    room: 'kitchen',
    hidden: true,
    roomCreate: true,
    roomList: true,
  })
  access.kind = 'agent'
  access.roomConfig = new RoomConfiguration({ maxParticipants: 3, metadata: 'm' })
  expect(grantsOf(await access.toJwt())).toMatchObject({
    identity: 'ada',
    name: 'Ada',
    metadata: '{"a":1}',
    attributes: { mood: 'good' },
    kind: 'agent',
    room: { maxParticipants: 3, metadata: 'm' },
    video: { roomAdmin: true, roomCreate: true, roomList: true, hidden: true, roomJoin: false },
  })
})

test('what was left out is LiveKit’s default: to publish, to subscribe, data as publishing', () => {
  expect(grantsOf(forge(good)).video).toMatchObject({
    canPublish: true,
    canSubscribe: true,
    canPublishData: true,
    canPublishSources: [],
    hidden: false,
  })
  const mute = { ...good, video: { ...good.video, canPublish: false } }
  expect(grantsOf(forge(mute)).video).toMatchObject({ canPublish: false, canPublishData: false })
})

const cases: [string, string, boolean][] = [
  ['as it should be', forge(good), true],
  ['without a beginning', forge({ ...good, nbf: undefined }), true],
  ['ended 59 s ago', forge({ ...good, exp: nowS - 59 }), true],
  ['ended 60 s ago', forge({ ...good, exp: nowS - 60 }), false],
  ['begins in 60 s', forge({ ...good, nbf: nowS + 60 }), true],
  ['begins in 61 s', forge({ ...good, nbf: nowS + 61 }), false],
  ['of another key', forge({ ...good, iss: 'other' }), false],
  ['without a key', forge({ ...good, iss: undefined }), false],
  ['signed with another secret', forge(good, { alg: 'HS256' }, 'another secret'), false],
  ['unsigned', `${encode({ alg: 'none' })}.${encode(good)}.`, false],
  ['that says none and is signed', forge(good, { alg: 'none' }), false],
  ['of a longer hash', forge(good, { alg: 'HS512' }), false],
  ['with an unknown extension', forge(good, { alg: 'HS256', crit: ['x'], x: 1 }), false],
  ['whose end is a word', forge({ ...good, exp: 'soon' }), false],
  ['whose beginning is a word', forge({ ...good, nbf: 'now' }), false],
  ['whose claims are a list', forge([good]), false],
  ['whose claims are no JSON', forge('{'), false],
  ['of two parts', forge(good).split('.').slice(0, 2).join('.'), false],
  ['with something behind', `${forge(good)}.x`, false],
  ['that is empty', '', false],
]
// The SDK looks at the clock by itself: a second later “59 s ago” is another answer.
beforeAll(() => vi.useFakeTimers({ now, toFake: ['Date'] }))
afterAll(() => vi.useRealTimers())

test.each(cases)('a token %s: the SDK and we say the same', async (_what, token, isGood) => {
  const oracle = await sdk.verify(token, 60).then(
    () => true,
    () => false,
  )
  expect({ ours: verify(token).ok, oracle }).toEqual({ ours: isGood, oracle: isGood })
})

test('a token without an end is taken, as livekit-server takes it; the SDK would not', () => {
  expect(grantsOf(forge({ ...good, exp: undefined })).expiresAt).toBeNull()
})

test('a changed letter anywhere makes it worthless', () => {
  const token = forge(good)
  for (let i = 0; i < token.length; i += 1) {
    const changed = `${token.slice(0, i)}${token[i] === 'A' ? 'B' : 'A'}${token.slice(i + 1)}`
    expect(verify(changed).ok, `letter ${i}`).toBe(false)
  }
})

describe('a refreshed token', () => {
  test('brings Ada back for ten minutes with the same grants', async () => {
    const { token } = await issueToken({
      ...keys,
      livekitRoomName: 'kitchen',
      identity: 'ada',
      now,
    })
    const before = grantsOf(token)
    const refreshed = issueRefreshedToken(before, keys, now)

    expect(grantsOf(refreshed)).toEqual({ ...before, expiresAt: now + 600_000 })
    await expect(sdk.verify(refreshed)).resolves.toMatchObject({ sub: 'ada' })
  })

  test('lasts as long as the one before when that is longer', () => {
    const before = grantsOf(forge({ ...good, exp: nowS + 7200 }))
    const after = grantsOf(issueRefreshedToken(before, keys, now))
    expect(after.expiresAt).toBe(now + 7_200_000)
  })
})
