/**
 * The way in for the configuration. `toml-file.ts` reads chatto.toml and `environment.ts` the variables,
 * which win; `given.ts` lays one over the other and knows where each value stands; `sections.ts` has the
 * defaults and checks every key; here the sections become the `Config` (`config.ts`) that the program uses.
 * A wrong value is refused in one line that names its place, its key and what is allowed.
 */
import { dirname, isAbsolute, resolve } from 'node:path'
import type { Config, LivekitConfig, TlsConfig } from './config.ts'
import { chooseLivekit } from './choose-livekit.ts'
import { ConfigError } from './config-error.ts'
import { variableOf } from './environment.ts'
import { collect, type Given } from './given.ts'
import { schemaOf, sections, type Section, type SectionName } from './sections.ts'
import { readTomlFile } from './toml-file.ts'
import { requireKnownWords, requireOneTls, withoutEffect } from './without-effect.ts'

export interface ConfigSources {
  /** Without node and the script: `['--config', 'FILE']`. */
  argv: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  /** Undefined when there is no such file; what it throws is told as “cannot be read”. */
  readFile(path: string): string | undefined
}

/** LiveKit advises this for its API secrets, in characters. */
const goodSecretLength = 32

/** Throws `ConfigError`. */
export function loadConfig(sources: ConfigSources): Config {
  const warnings: string[] = []
  requireKnownWords(sources.argv)
  const file = readTomlFile(sources)
  const given = collect(file, sources.env, warnings)
  const read = <N extends SectionName>(name: N) => readSection(name, given)

  const webserver = read('webserver')
  const databaseUrl = toAbsolute(read('database').url, file.folder)
  const dataFolder = folderOf(databaseUrl) ?? resolve(file.folder, 'data')
  requireOneTls(given)
  const tls = toTls(webserver, file.folder, dataFolder)
  const scheme = tls.is === 'off' ? 'http' : 'https'
  const url = webserver.url ?? `${scheme}://localhost:${webserver.port}`
  const calls = read('calls')
  const limits = read('limits')
  const livekit = toLivekit(read('livekit'), given, calls.most_people, url, warnings)
  const config: Config = {
    file: file.path,
    name: read('general').name,
    livekit,
    webserver: {
      url,
      host: webserver.host,
      port: webserver.port,
      origins: webserver.origins,
      trustedProxies: webserver.trusted_proxies,
      tls,
    },
    dataFolder,
    database: { url: databaseUrl },
    accounts: read('accounts'),
    security: toSecurity(read('security').key_encryption_key, databaseUrl),
    calls: {
      joinDeadlineMs: calls.join_deadline_s * 1000,
      doubtMs: calls.doubt_s * 1000,
      roomDoubtMs: calls.room_doubt_s * 1000,
      listingLagMs: calls.listing_lag_s * 1000,
      mostPeople: livekit?.embedded?.maxParticipants ?? calls.most_people,
      listingIntervalMs: calls.listing_interval_s * 1000,
      restlessIntervalMs: calls.restless_interval_s * 1000,
      livekitAwayMs: calls.livekit_away_s * 1000,
    },
    limits: {
      registrationsPerMinute: limits.registrations_per_minute,
      signInsPerMinute: limits.sign_ins_per_minute,
      requestsPerSecond: limits.requests_per_second,
      joinsPerMinute: limits.joins_per_minute,
      socketMessagesPerSecond: limits.socket_messages_per_second,
    },
    metrics: { token: read('metrics').token ?? null },
    log: read('log'),
    warnings,
  }
  warnings.push(...withoutEffect(given, config))
  return config
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  return bare === 'localhost' || bare === '::1' || /^127\.\d+\.\d+\.\d+$/.test(bare)
}

function readSection<N extends SectionName>(name: N, given: Given): Section<N> {
  const values = [...(given.values.get(name) ?? [])].filter(
    ([key, value]) => !(value === '' && mayBeLeftOut(name, key)),
  )
  const result = sections[name].safeParse(Object.fromEntries(values))
  if (result.success) return result.data as Section<N>
  const key = String(result.error.issues[0]?.path[0])
  throw new ConfigError(
    `${given.placeOf(name, key)}: [${name}] ${key} must be ${schemaOf(name, key)?.description}`,
  )
}

/** A key without a default: an empty text says as much as leaving it out. */
function mayBeLeftOut(name: SectionName, key: string): boolean {
  const absent = schemaOf(name, key)?.safeParse(undefined)
  return absent?.success === true && absent.data === undefined
}

/** Null when calls are off (R50). `enabled` left out in a section that is there means true. */
function toLivekit(
  read: Section<'livekit'>,
  given: Given,
  mostPeople: number,
  webserverUrl: string,
  warnings: string[],
): LivekitConfig | null {
  if (!given.values.has('livekit') || read.enabled === false) return null
  const section = chooseLivekit(read, given, warnings)
  if (section.embedded) return toEmbedded(section, mostPeople)
  const { url, api_key: apiKey, api_secret: apiSecret } = section
  if (!url || !apiKey || !apiSecret) {
    const key = !url ? 'url' : !apiKey ? 'api_key' : 'api_secret'
    throw new ConfigError(
      `[livekit] ${key} is missing: calls are on, so set it there or as ${variableOf('livekit', key)}, ` +
        'set embedded = true to let this server carry the media, or turn calls off with enabled = false',
    )
  }
  if (apiSecret.length < goodSecretLength && !isLoopback(new URL(url).hostname)) {
    warnings.push(
      `[livekit] api_secret is shorter than ${goodSecretLength} characters: take a longer one on a public server`,
    )
  }
  return {
    url: withoutSlashes(url),
    internalUrl: withoutSlashes(section.internal_url ?? url),
    apiKey,
    apiSecret,
    webhookUrl: section.webhook_url ?? `${webserverUrl}/webhooks/livekit`,
    embedded: null,
  }
}

const defaultMaxParticipants = 8

/** The smaller of two limits counts, and 0 is none: `[calls] most_people` is for any LiveKit. */
function toEmbedded(section: Section<'livekit'>, mostPeople: number): LivekitConfig {
  const places = section.max_participants ?? defaultMaxParticipants
  return {
    embedded: {
      mediaAddresses: section.media_addresses ?? null,
      udpPorts: section.udp_ports ?? null,
      maxParticipants: mostPeople === 0 ? places : Math.min(mostPeople, places),
    },
  }
}

/** Paths start at the configuration's folder. */
function toTls(
  { tls, tls_cert: cert, tls_key: key }: Section<'webserver'>,
  configFolder: string,
  dataFolder: string,
): TlsConfig {
  if (cert && key) {
    if (tls === 'self-signed') {
      throw new ConfigError('[webserver] tls = "self-signed" and tls_cert exclude each other')
    }
    return {
      is: 'files',
      certificateFile: resolve(configFolder, cert),
      keyFile: resolve(configFolder, key),
    }
  }
  if (cert || key) {
    throw new ConfigError(
      `[webserver] ${cert ? 'tls_key' : 'tls_cert'} is missing: a certificate and its key belong together`,
    )
  }
  return tls === 'self-signed' ? { is: 'self-signed', folder: dataFolder } : { is: 'off' }
}

/** Undefined for a database that is no file. */
function folderOf(databaseUrl: string): string | undefined {
  return databaseUrl.startsWith('sqlite:')
    ? dirname(databaseUrl.slice('sqlite:'.length))
    : undefined
}

function toAbsolute(databaseUrl: string, folder: string): string {
  if (!databaseUrl.startsWith('sqlite:')) return databaseUrl
  const path = databaseUrl.slice('sqlite:'.length)
  return `sqlite:${isAbsolute(path) ? resolve(path) : resolve(folder, path)}`
}

function toSecurity(key: Buffer | undefined, databaseUrl: string): Config['security'] {
  if (key) return { keyEncryptionKey: key, keyFile: null }
  if (databaseUrl.startsWith('sqlite:')) {
    return { keyEncryptionKey: null, keyFile: `${databaseUrl.slice('sqlite:'.length)}.key` }
  }
  throw new ConfigError(
    '[security] key_encryption_key is missing: with PostgreSQL it must be set there or as ' +
      `${variableOf('security', 'key_encryption_key')}, to base64 of 32 random bytes (openssl rand -base64 32)`,
  )
}

function withoutSlashes(url: string): string {
  // eslint-disable-next-line regexp/no-super-linear-move -- the operator’s own line, at the start
  return url.replace(/\/+$/, '')
}
