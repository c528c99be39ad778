import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { WebhookReceiver } from 'livekit-server-sdk'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { verifyWebhook, type WebhookVerdict } from '../../../server/livekit/webhook-signature.ts'
import { apiKey, apiSecret, claimsFor, sha256Of, signWebhook } from '../../support/webhook-token.ts'

/** LiveKit's own SDK is the oracle: it never refuses what we take, and takes only what is listed here besides. */
const body = '{"event":"room_started","id":"EV_1","room":{"name":"a.b@c"}}'
const nowMs = 1_800_000_000_400
const now = Math.floor(nowMs / 1000)
const good = claimsFor(body, nowMs)
const goodToken = signWebhook({ claims: good })
const sdk = new WebhookReceiver(apiKey, apiSecret)

// The SDK reads the clock itself.
beforeAll(() => vi.useFakeTimers({ toFake: ['Date'], now: nowMs }))
afterAll(() => vi.useRealTimers())

function verify(token: string | undefined, rawBody: string | Buffer = body): WebhookVerdict {
  return verifyWebhook({ apiKey, apiSecret }, Buffer.from(rawBody), token, nowMs)
}

async function sdkTakes(token: string | undefined, rawBody = body): Promise<boolean> {
  return sdk.receive(rawBody, token, false, 60).then(
    () => true,
    () => false,
  )
}

const without = (claim: keyof typeof good) => ({ ...good, [claim]: undefined })
const sign = (claims: unknown, header?: unknown) =>
  signWebhook({ claims, ...(header === undefined ? {} : { header }) })
const [head = '', claims = '', signature = ''] = goodToken.split('.')
const unsigned = (alg: string) =>
  `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${claims}.`

describe('R21 what LiveKit signs is taken', () => {
  test.each([
    ['as LiveKit sends it', goodToken],
    ['with a type in its header', sign(good, { typ: 'JWT', alg: 'HS256' })],
    ['without nbf', sign(without('nbf'))],
    ['with iat', sign({ ...good, iat: now })],
    ['with claims that we do not know', sign({ ...good, video: {}, name: '', jti: 'x' })],
    ['59 s after its end', sign({ ...good, nbf: now - 359, exp: now - 59 })],
    ['60 s before its beginning', sign({ ...good, nbf: now + 60, exp: now + 360 })],
  ])('%s', async (_name, token) => {
    expect(verify(token)).toEqual({ ok: true })
    expect(await sdkTakes(token)).toBe(true)
  })

  test('any bytes as a body', () => {
    const bytes = Buffer.from([0, 255, 254, 10, 13])
    expect(verify(sign(claimsFor(bytes, nowMs)), bytes)).toEqual({ ok: true })
  })

  test('an empty body', () => {
    expect(verify(sign(claimsFor('', nowMs)), '')).toEqual({ ok: true })
  })
})

describe('R21 whatever is wrong with it, it is refused', () => {
  const otherSecret = 'another-secret-of-32-characters!!'
  test.each<[string, string | undefined, string]>([
    ['no header', undefined, 'missing'],
    ['an empty header', '', 'missing'],
    ['a word', 'hello', 'malformed'],
    ['two parts', `${head}.${claims}`, 'malformed'],
    ['four parts', `${goodToken}.x`, 'malformed'],
    ['an empty signature', `${head}.${claims}.`, 'malformed'],
    ['no claims', `${head}..${signature}`, 'malformed'],
    ['Bearer before it', `Bearer ${goodToken}`, 'malformed'],
    ['algorithm none', unsigned('none'), 'malformed'],
    ['algorithm None with a signature', sign(good, { alg: 'None' }), 'malformed'],
    ['no algorithm', sign(good, {}), 'malformed'],
    ['an algorithm that is no text', sign(good, { alg: ['HS256'] }), 'malformed'],
    ['RS256 in the header', sign(good, { alg: 'RS256' }), 'malformed'],
    [
      'an extension that must be understood',
      sign(good, { alg: 'HS256', crit: ['x'], x: 1 }),
      'malformed',
    ],
    ['a header that is a list', sign(good, []), 'malformed'],
    ['a header that is no JSON', sign(good, '{'), 'malformed'],
    ['claims that are a list', sign([]), 'malformed'],
    ['claims that are no JSON', sign('{'), 'malformed'],
    [
      'claims that are no UTF-8',
      `${head}.${Buffer.from([0xff, 0xfe]).toString('base64url')}.${signature}`,
      'malformed',
    ],
    ['no issuer', sign(without('iss')), 'malformed'],
    ['no end', sign(without('exp')), 'malformed'],
    ['no checksum', sign(without('sha256')), 'malformed'],
    ['an end that is a text', sign({ ...good, exp: String(good.exp) }), 'malformed'],
    ['an end that is null', sign({ ...good, exp: null }), 'malformed'],
    ['a beginning that is a text', sign({ ...good, nbf: 'now' }), 'malformed'],
    ['an iat that is a text', sign({ ...good, iat: 'now' }), 'malformed'],
    ['a checksum that is a number', sign({ ...good, sha256: 1 }), 'malformed'],
    ['another key', sign({ ...good, iss: 'otherkey' }), 'wrong-key'],
    [
      'another key with its own secret',
      signWebhook({ claims: { ...good, iss: 'otherkey' }, secret: otherSecret }),
      'wrong-key',
    ],
    ['the key’s name with something after it', sign({ ...good, iss: `${apiKey} ` }), 'wrong-key'],
    ['another secret', signWebhook({ claims: good, secret: otherSecret }), 'bad-signature'],
    ['an empty secret', signWebhook({ claims: good, secret: '' }), 'bad-signature'],
    [
      'other claims under the signature',
      `${head}.${sign({ ...good, exp: now + 9 }).split('.')[1]}.${signature}`,
      'bad-signature',
    ],
    ['half a signature', `${head}.${claims}.${signature.slice(0, 22)}`, 'bad-signature'],
    ['the checksum of another body', sign({ ...good, sha256: sha256Of('{}') }), 'altered-body'],
    [
      'the checksum in base64url',
      sign({ ...good, sha256: createHash('sha256').update(body).digest('base64url') }),
      'altered-body',
    ],
    ['an empty checksum', sign({ ...good, sha256: '' }), 'altered-body'],
    ['60 s after its end', sign({ ...good, nbf: now - 360, exp: now - 60 }), 'expired'],
    ['61 s before its beginning', sign({ ...good, nbf: now + 61, exp: now + 361 }), 'not-yet'],
  ])('%s', async (_name, token, why) => {
    expect(verify(token)).toMatchObject({ ok: false, why })
    expect(await sdkTakes(token)).toBe(false)
  })

  test.each([
    ['another byte in the body', goodToken, body.replace('EV_1', 'EV_2')],
    ['a blank after the body', goodToken, `${body} `],
    ['half of the body', goodToken, body.slice(0, 10)],
  ])('%s', async (_name, token, rawBody) => {
    expect(verify(token, rawBody)).toEqual({ ok: false, why: 'altered-body' })
    expect(await sdkTakes(token, rawBody)).toBe(false)
  })
})

describe('R21 stricter than the SDK, which takes these', () => {
  const last = signature.at(-1) ?? ''
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const twin = letters[letters.indexOf(last) ^ 1] ?? ''
  test.each([
    [
      'HS512',
      signWebhook({ claims: good, header: { alg: 'HS512' }, algorithm: 'sha512' }),
      'malformed',
    ],
    [
      'the same signature in other letters',
      `${head}.${claims}.${signature.slice(0, -1)}${twin}`,
      'bad-signature',
    ],
    ['a padded signature', `${goodToken}=`, 'malformed'],
    [
      'a header longer than any of LiveKit’s',
      sign({ ...good, note: 'x'.repeat(4096) }),
      'malformed',
    ],
  ])('%s', async (_name, token, why) => {
    expect(verify(token)).toEqual({ ok: false, why })
    expect(await sdkTakes(token)).toBe(true)
  })
})

test('R21 a token with any one bit turned is refused', () => {
  for (let at = 0; at < goodToken.length; at += 1) {
    for (let bit = 0; bit < 7; bit += 1) {
      const bytes = Buffer.from(goodToken)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
      expect(verify(bytes.toString('latin1')).ok, `bit ${bit} of character ${at}`).toBe(false)
    }
  }
})

test('R21 a body with any one bit turned is refused', () => {
  for (let at = 0; at < body.length; at += 1) {
    const bytes = Buffer.from(body)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
    expect(verify(goodToken, bytes)).toEqual({ ok: false, why: 'altered-body' })
  }
})

test('R21 a refusal for the time only tells how far LiveKit’s clock is from ours', () => {
  const later = claimsFor(body, nowMs + 120_000)
  expect(verify(sign(later))).toEqual({ ok: false, why: 'not-yet', clockSkewMs: 119_600 })
  const earlier = claimsFor(body, nowMs - 400_000)
  expect(verify(sign(earlier))).toEqual({ ok: false, why: 'expired', clockSkewMs: -400_400 })
  expect(verify(sign(earlier), '{}')).toEqual({ ok: false, why: 'altered-body' })
  expect(verify(signWebhook({ claims: earlier, secret: 'x' }))).toEqual({
    ok: false,
    why: 'bad-signature',
  })
})

test('R21 whatever claims are put together, the SDK and this agree', async () => {
  const odd = fc.oneof(
    fc.constant(undefined),
    fc.constant(null),
    fc.string(),
    fc.boolean(),
    fc.integer(),
  )
  const time = fc.integer({ min: now - 700, max: now + 700 })
  const claimsOf = fc.record({
    iss: fc.oneof({ weight: 6, arbitrary: fc.constant(apiKey) }, odd),
    nbf: fc.oneof({ weight: 6, arbitrary: time }, odd),
    exp: fc.oneof({ weight: 6, arbitrary: time }, odd),
    iat: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, odd),
    sha256: fc.oneof({ weight: 6, arbitrary: fc.constant(sha256Of(body)) }, odd),
  })
  await fc.assert(
    fc.asyncProperty(claimsOf, async (random) => {
      const token = sign(random)
      expect(verify(token).ok).toBe(await sdkTakes(token))
    }),
    { numRuns: 1_000 },
  )
})
