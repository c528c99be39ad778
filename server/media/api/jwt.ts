/** JSON web tokens as LiveKit makes them: HS256 and nothing else. */
import { createHmac, timingSafeEqual } from 'node:crypto'

export type Claims = Readonly<Record<string, unknown>>

export type JwtVerdict =
  | { ok: true; claims: Claims }
  | { ok: false; why: 'malformed' | 'wrong-key' | 'bad-signature' | 'expired' | 'not-yet' }

export interface MediaKeys {
  apiKey: string
  /** Never logged, never sent. */
  apiSecret: string
}

const leewayS = 60
/** A token with a room's configuration and attributes in it may be long. */
const maxTokenLength = 64 * 1024
const shape = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const head = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url')

export function signJwt({ apiKey, apiSecret }: MediaKeys, claims: Claims): string {
  const body = Buffer.from(JSON.stringify({ ...claims, iss: apiKey })).toString('base64url')
  return `${head}.${body}.${sign(apiSecret, head, body)}`
}

/** The algorithm is fixed; extensions that one must understand (`crit`) are not understood. */
export function verifyJwt(
  { apiKey, apiSecret }: MediaKeys,
  token: string,
  nowMs: number,
): JwtVerdict {
  if (token.length > maxTokenLength) return { ok: false, why: 'malformed' }
  const [, header, body, signature] = shape.exec(token) ?? []
  if (!header || !body || !signature) return { ok: false, why: 'malformed' }
  const parsedHeader = parseObject(header)
  if (parsedHeader?.['alg'] !== 'HS256' || parsedHeader['crit'] !== undefined) {
    return { ok: false, why: 'malformed' }
  }
  const claims = parseObject(body)
  if (!claims) return { ok: false, why: 'malformed' }
  const { iss, exp, nbf, iat } = claims
  if (!isNumberOrAbsent(exp) || !isNumberOrAbsent(nbf) || !isNumberOrAbsent(iat)) {
    return { ok: false, why: 'malformed' }
  }
  // Before the signature, which cannot hold either: it tells the admin which setting is wrong.
  if (iss !== apiKey) return { ok: false, why: 'wrong-key' }
  if (!isEqual(sign(apiSecret, header, body), signature)) {
    return { ok: false, why: 'bad-signature' }
  }
  const nowS = Math.floor(nowMs / 1000)
  if (nbf !== undefined && nbf > nowS + leewayS) return { ok: false, why: 'not-yet' }
  if (exp !== undefined && exp <= nowS - leewayS) return { ok: false, why: 'expired' }
  return { ok: true, claims }
}

function sign(apiSecret: string, header: string, body: string): string {
  return createHmac('sha256', apiSecret).update(`${header}.${body}`).digest('base64url')
}

function isNumberOrAbsent(value: unknown): value is number | undefined {
  return value === undefined || typeof value === 'number'
}

/** In constant time; of texts, so that two spellings of the same bytes are not the same. */
function isEqual(expected: string, given: string): boolean {
  const a = Buffer.from(expected)
  const b = Buffer.from(given)
  return a.length === b.length && timingSafeEqual(a, b)
}

function parseObject(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(Buffer.from(part, 'base64url')))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : undefined
  } catch {
    return undefined
  }
}
