/** The configuration as the program uses it; `load-config.ts` makes it. */
import type { CallTiming } from '../../machines/call.context.ts'

/** What signs tokens and webhooks. The secret is never logged, never sent. */
export interface LivekitKeys {
  apiKey: string
  apiSecret: string
}

/** A LiveKit of one's own, or LiveKit Cloud. */
export interface LivekitServerConfig extends LivekitKeys {
  /** `ws://` or `wss://`, as browsers reach it. */
  url: string
  /** The same LiveKit as this server reaches it; `http(s)://` is taken, too. */
  internalUrl: string
  webhookUrl: string
  embedded: null
}

/** This server carries the media itself; its url is the origin that a browser came by. */
export interface EmbeddedMediaConfig {
  embedded: {
    /** Null: loopback and the machine's own. */
    mediaAddresses: string[] | null
    /** Null: any. */
    udpPorts: { from: number; to: number } | null
    /** In one call: the same as `mostPeople` of the calls. */
    maxParticipants: number
  }
}

export type LivekitConfig = LivekitServerConfig | EmbeddedMediaConfig

export type TlsConfig =
  | { is: 'off' }
  /** Made once, kept in this folder. */
  | { is: 'self-signed'; folder: string }
  | { is: 'files'; certificateFile: string; keyFile: string }

export interface Config {
  /** The file that was read; null when there was none. */
  file: string | null
  name: string
  /** Null when calls are disabled (R50). */
  livekit: LivekitConfig | null
  webserver: {
    /** As browsers reach it, without a slash at the end: `http://localhost:8080`. */
    url: string
    host: string
    port: number
    /** Further origins that may use the API. */
    origins: string[]
    /** Addresses or CIDR ranges whose `X-Forwarded-*` count. */
    trustedProxies: string[]
    tls: TlsConfig
  }
  /** Where the database lies, or the configuration when that is elsewhere. */
  dataFolder: string
  /** `sqlite:/absolute/path` or `postgres://…`. */
  database: { url: string }
  accounts: { registration: 'open' | 'closed' }
  security: {
    /** 32 bytes, or null when it has to be read from (or made in) `keyFile`. */
    keyEncryptionKey: Buffer | null
    /** Beside the SQLite database; null with PostgreSQL. */
    keyFile: string | null
  }
  calls: CallTiming & {
    /** How often all active calls are compared with LiveKit (R33). */
    listingIntervalMs: number
    /** The same for calls with a joining connection, a doubt, an open eviction, or silent webhooks. */
    restlessIntervalMs: number
  }
  /** 0 switches a limit off. */
  limits: {
    registrationsPerMinute: number
    signInsPerMinute: number
    requestsPerSecond: number
    /** Of one person into the call of one room. */
    joinsPerMinute: number
    socketMessagesPerSecond: number
  }
  metrics: { token: string | null }
  log: { level: string }
  /** Found while reading: unknown keys with the nearest known one, short secrets. */
  warnings: string[]
}
