/**
 * Asks LiveKit's RoomService (Twirp: JSON over POST). By hand because the SDK's own client drops the
 * path of LiveKit's url, and keeps the answers' `Date` to itself, which tells how far the clocks differ.
 */
import { AccessToken, type VideoGrant } from 'livekit-server-sdk'
import { fromAnswer, fromFailure, notLivekit } from './livekit-unavailable.ts'

export type Json = Record<string, unknown>

export interface TwirpClient {
  /** Throws `LivekitUnavailable` and nothing else; `not_found` is LiveKit's own word alone. */
  request(method: string, body: Json, grant: VideoGrant): Promise<Json | 'not_found'>
}

export interface TwirpOptions {
  /** `ws(s)://` or `http(s)://`, with or without a path. */
  url: string
  apiKey: string
  apiSecret: string
  timeoutMs: number
  /** This machine's clock: LiveKit's is compared with it. */
  wall?(): number
  /** After each answer that says what time it is there: how far LiveKit's clock is ahead. */
  onClock?(skewMs: number): void
}

export function createTwirpClient(options: TwirpOptions): TwirpClient {
  const { url, apiKey, apiSecret, timeoutMs, wall = Date.now, onClock } = options
  // eslint-disable-next-line regexp/no-super-linear-move -- the operator’s own line
  const address = url.replace(/\/+$/, '')
  const base = `${address.replace(/^ws/i, 'http')}/twirp/livekit.RoomService`

  async function tokenFor(grant: VideoGrant): Promise<string> {
    const token = new AccessToken(apiKey, apiSecret, { ttl: 600 })
    token.addGrant(grant)
    return token.toJwt()
  }

  return {
    async request(method, body, grant) {
      try {
        const authorization = `Bearer ${await tokenFor(grant)}`
        const askedAt = wall()
        const answer = await fetch(`${base}/${method}`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(timeoutMs),
        })
        const skewMs = readSkew(answer.headers.get('date'), askedAt, wall())
        if (skewMs !== null) onClock?.(skewMs)
        const json = parseObject(await answer.text())
        if (answer.ok) {
          if (!json) throw notLivekit(address)
          return json
        }
        const code = typeof json?.['code'] === 'string' ? json['code'] : undefined
        // A bare 404 is a proxy's, or another program's at that address: taking it for "gone" would
        // empty calls that are on (R36).
        if (code === 'not_found') return 'not_found'
        throw fromAnswer({ status: answer.status, code, skewMs }, address)
      } catch (error) {
        throw fromFailure(error, address, timeoutMs)
      }
    },
  }
}

/** `Date` has whole seconds: what it says is half a second old on average. */
function readSkew(date: string | null, askedAt: number, answeredAt: number): number | null {
  const at = date === null ? NaN : Date.parse(date)
  return Number.isNaN(at) ? null : at + 500 - (askedAt + answeredAt) / 2
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Json)
      : undefined
  } catch {
    return undefined
  }
}
