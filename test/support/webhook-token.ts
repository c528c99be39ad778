/** LiveKit's side of a webhook's signature, and every forger's: any header, any claims, any secret. */
import { createHash, createHmac } from 'node:crypto'

export const apiKey = 'testkey'
export const apiSecret = 'a-secret-of-tests-only-0123456789'

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

export const sha256Of = (body: string | Buffer) =>
  createHash('sha256').update(body).digest('base64')

/** A string in place of an object is taken as it is. */
export function signWebhook({
  header = { alg: 'HS256' },
  claims,
  secret = apiSecret,
  algorithm = 'sha256',
}: {
  header?: unknown
  claims: unknown
  secret?: string
  algorithm?: string
}): string {
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${createHmac(algorithm, secret).update(signed).digest('base64url')}`
}

/** As LiveKit signs: valid from now on for five minutes. */
export function claimsFor(body: string | Buffer, nowMs: number) {
  const now = Math.floor(nowMs / 1000)
  return { iss: apiKey, nbf: now, exp: now + 300, sha256: sha256Of(body) }
}
