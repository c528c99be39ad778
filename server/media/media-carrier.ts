/**
 * The embedded media server as the rest of the server knows it: the only file here that others import.
 * Runs in the web process: lets clients in by their token and relays what they say to the media process,
 * whichever one runs just now. README.md has the way from here.
 */
import type { Logger } from 'pino'
import { toRefusal, verifyMediaToken } from './api/media-token.ts'
import type { TwirpAnswer, TwirpRequest } from './api/twirp.ts'
import { createProcessSupervisor } from './carrier/process-supervisor.ts'
import { requireJoin, requireJoinRequest } from './carrier/require-join.ts'
import { unavailable, unavailableAnswer, type CarriedSignal } from './carrier/signal-relay.ts'
import { prepareLinkFiles } from './carrier/socket-path.ts'
import type { MediaGrants } from './link/media-grants.ts'
import type { MediaProcessConfig, MediaStats, WebhookTarget } from './link/messages.ts'
import { SignalRefused, type SignalPath } from './link/signal.ts'

export { defaultMediaConfig } from './link/media-config.ts'
export { isOnlyLoopback, ownAddresses } from './link/own-addresses.ts'
export { SignalRefused, type CarriedSignal, type SignalPath }

export interface MediaCarrierOptions {
  config: MediaProcessConfig
  /** Where the database lies: a restarted web process finds the media process by it. */
  folder: string
  /** Of this program; another one replaces the media process. */
  version: string
  now(): number
  log: Logger
}

export interface SignalArrival {
  path: SignalPath
  /** As sent, without `?`. */
  query: string
  /** The header; it goes before the token in the query. */
  authorization: string
}

export interface MediaCarrier {
  /** Resolves when media can flow. Rejects when the media process cannot be made (ports taken …). */
  start(webhooks: WebhookTarget): Promise<void>
  /**
   * Clients are told to come back. The media process goes on for a minute while a call is on, and
   * ends at once when none is, or when `endMedia` says so.
   */
  stop(options?: { endMedia?: boolean }): Promise<void>
  /** Rejects with `SignalRefused`. */
  openSignal(arrival: SignalArrival): Promise<CarriedSignal>
  /** What LiveKit answers to a client that asks why it could not connect. */
  validate(arrival: SignalArrival): { status: number; text: string }
  twirp(request: TwirpRequest): Promise<TwirpAnswer>
  /** Null while the media process is away. `pid` of the media process. */
  state(): { pid: number; stats: MediaStats | null } | null
}

const bearer = 'Bearer '
/** So long a client waits for a media process that is just starting. */
const processTimeoutMs = 6_000

export function createMediaCarrier(options: MediaCarrierOptions): MediaCarrier {
  const { config, now, log } = options
  const supervisor = createProcessSupervisor({
    linkFiles: prepareLinkFiles(options.folder),
    config,
    version: options.version,
    log,
  })

  /** Throws `SignalRefused`. */
  function grantsOf({ query, authorization }: SignalArrival): MediaGrants {
    if (authorization !== '' && !authorization.startsWith(bearer)) {
      throw new SignalRefused(401, `invalid authorization header. Must start with ${bearer}`)
    }
    const token =
      authorization.slice(bearer.length) || new URLSearchParams(query).get('access_token')
    if (!token) throw new SignalRefused(401, 'no permissions to access the room')
    const verdict = verifyMediaToken(token, { ...config, now: now() })
    if (!verdict.ok) throw new SignalRefused(401, toRefusal(verdict.why))
    return verdict.grants
  }

  return {
    start: supervisor.start,
    stop: supervisor.stop,
    state: supervisor.state,

    async openSignal(arrival) {
      const grants = grantsOf(arrival)
      requireJoin(grants)
      const relay = await supervisor.relay(processTimeoutMs)
      if (!relay) throw unavailable('the media process is away')
      return relay.open(arrival.path, withoutToken(arrival.query), grants)
    },

    validate(arrival) {
      try {
        const grants = grantsOf(arrival)
        requireJoinRequest(arrival.path, arrival.query)
        requireJoin(grants)
        return { status: 200, text: 'success' }
      } catch (error) {
        if (error instanceof SignalRefused) return { status: error.status, text: error.message }
        throw error
      }
    },

    async twirp(request) {
      const relay = await supervisor.relay(processTimeoutMs)
      return relay ? relay.twirp(request) : unavailableAnswer('the media process is away')
    },
  }
}

function withoutToken(query: string): string {
  return query
    .split('&')
    .filter((part) => !part.startsWith('access_token='))
    .join('&')
}
