import { TokenVerifier } from 'livekit-server-sdk'
import { expect, test } from 'vitest'
import { issueToken } from '../../../server/livekit/tokens.ts'
import { apiKey, apiSecret } from '../../support/webhook-token.ts'

async function issue() {
  const now = Date.now()
  const issued = await issueToken({
    apiKey,
    apiSecret,
    livekitRoomName: 'house.room1@call1',
    identity: 'ada:page1',
    now,
  })
  return { ...issued, now, claims: await new TokenVerifier(apiKey, apiSecret).verify(issued.token) }
}

test('R4 a token lives five minutes from now', async () => {
  const { claims, expiresAt, now } = await issue()
  const { nbf = 0, exp = 0 } = claims
  expect(exp - nbf).toBe(300)
  expect(Math.abs(nbf * 1000 - now)).toBeLessThan(2_000)
  expect(Math.abs(expiresAt - exp * 1000)).toBeLessThanOrEqual(1_000)
})

test('R4 it lets one identity into one room, with what a call needs and nothing more', async () => {
  const { claims } = await issue()
  expect(claims.sub).toBe('ada:page1')
  expect(claims.video).toEqual({
    roomJoin: true,
    room: 'house.room1@call1',
    canPublish: true,
    canSubscribe: true,
    canPublishData: true,
    canPublishSources: ['camera', 'microphone', 'screen_share', 'screen_share_audio'],
    canUpdateOwnMetadata: false,
  })
})

test('R7 LiveKit keeps the room longer than a join may take, and longer than a doubt', async () => {
  const { claims } = await issue()
  expect(claims.roomConfig).toMatchObject({ emptyTimeout: 60, departureTimeout: 20 })
})

test('R5 neither secret nor anything private is in it', async () => {
  const { token, claims } = await issue()
  expect(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).not.toContain(apiSecret)
  expect(Object.keys(claims).toSorted()).toEqual([
    'exp',
    'iss',
    'nbf',
    'roomConfig',
    'sub',
    'video',
  ])
})
