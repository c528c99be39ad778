/**
 * Puts the configuration together from `chatto.toml` and the environment, which wins. A wrong value
 * is refused in one line that names its place, its key and what is allowed.
 */
import { dirname, isAbsolute, resolve } from 'node:path'
import type { Config, LivekitConfig, TlsConfig } from './config.ts'
import { ConfigError } from './config/config-error.ts'
import { readEnvironment, variableOf } from './config/environment.ts'
import {
  isSectionName,
  keysOf,
  schemaOf,
  sectionNames,
  sections,
  type Section,
  type SectionName,
} from './config/sections.ts'
import { isTable, readTomlFile, type TomlFile } from './config/toml-file.ts'
import { nearestWord } from './nearest-word.ts'

export { ConfigError }

export interface ConfigSources {
  /** Without node and the script: `['--config', 'FILE']`. */
  argv: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  /** Undefined when there is no such file; what it throws is told as “cannot be read”. */
  readFile(path: string): string | undefined
}

/** What was given, by section and key, and where. */
interface Given {
  values: Map<SectionName, Map<string, unknown>>
  /** `/etc/chatto.toml:12`, `the variable CHATTO_…`. */
  placeOf(section: SectionName, key: string): string
}

/** LiveKit advises this for its API secrets, in characters. */
const goodSecretLength = 32

/** Throws `ConfigError`. */
export function loadConfig(sources: ConfigSources): Config {
  const warnings: string[] = []
  const file = readTomlFile(sources)
  const given = collect(file, sources.env, warnings)
  const read = <N extends SectionName>(name: N) => readSection(name, given)

  const webserver = read('webserver')
  const databaseUrl = toAbsolute(read('database').url, file.folder)
  const dataFolder = folderOf(databaseUrl) ?? resolve(file.folder, 'data')
  const tls = toTls(webserver, file.folder, dataFolder)
  const scheme = tls.is === 'off' ? 'http' : 'https'
  const url = webserver.url ?? `${scheme}://localhost:${webserver.port}`
  const calls = read('calls')
  const limits = read('limits')
  return {
    file: file.path,
    name: read('general').name,
    livekit: toLivekit(read('livekit'), given, url, warnings),
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
      mostPeople: calls.most_people,
      listingIntervalMs: calls.listing_interval_s * 1000,
      restlessIntervalMs: calls.restless_interval_s * 1000,
      livekitAwayMs: calls.livekit_away_s * 1000,
    },
    limits: {
      registrationsPerMinute: limits.registrations_per_minute,
      signInsPerMinute: limits.sign_ins_per_minute,
      requestsPerSecond: limits.requests_per_second,
      socketMessagesPerSecond: limits.socket_messages_per_second,
    },
    metrics: { token: read('metrics').token ?? null },
    log: read('log'),
    warnings,
  }
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  return bare === 'localhost' || bare === '::1' || /^127\.\d+\.\d+\.\d+$/.test(bare)
}

/** The environment laid over the file. A `chatto.toml` of Chatto itself has sections that we do not know. */
function collect(file: TomlFile, env: ConfigSources['env'], warnings: string[]): Given {
  const values: Given['values'] = new Map()
  const variables = new Map<string, string>()
  for (const [name, section] of file.content) {
    if (!isSectionName(name)) {
      const isLoose = !isTable(section) && !Array.isArray(section)
      const what = isLoose ? `${name}, outside of any section,` : `[${name}]`
      warnings.push(
        `${file.path}: ${what} is not known and is left alone${hint(name, sectionNames, '[]')}`,
      )
      continue
    }
    if (!isTable(section)) {
      throw new ConfigError(`${file.placeOf(name)}: ${name} must be a section, written [${name}]`)
    }
    const known = Object.entries(section).filter(([key]) => schemaOf(name, key) !== undefined)
    values.set(name, new Map(known))
    for (const key of Object.keys(section)) {
      if (schemaOf(name, key)) continue
      warnings.push(
        `${file.path}: [${name}] ${key} is not known and is left alone${hint(key, keysOf(name))}`,
      )
    }
  }
  for (const { section, key, value, variable } of readEnvironment(env, warnings)) {
    // A section made only of variables is there, too.
    values.set(section, new Map([...(values.get(section) ?? []), [key, value]]))
    variables.set(`${section}.${key}`, variable)
  }
  return {
    values,
    placeOf(section, key) {
      const variable = variables.get(`${section}.${key}`)
      return variable ? `the variable ${variable}` : file.placeOf(section, key)
    },
  }
}

function hint(word: string, known: readonly string[], brackets = ''): string {
  const nearest = nearestWord(word, known)
  const [open = '', close = ''] = brackets
  return nearest ? `; did you mean ${open}${nearest}${close}?` : ''
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
  section: Section<'livekit'>,
  given: Given,
  webserverUrl: string,
  warnings: string[],
): LivekitConfig | null {
  if (!given.values.has('livekit') || section.enabled === false) return null
  if (section.embedded) return toEmbedded(section, given)
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
    url: url.replace(/\/+$/, ''),
    apiKey,
    apiSecret,
    webhookUrl: section.webhook_url ?? `${webserverUrl}/webhooks/livekit`,
    embedded: null,
  }
}

const mostEmbeddedParticipants = 8

/** It has its own address, key and secret: others beside it would mean another LiveKit. */
function toEmbedded(section: Section<'livekit'>, given: Given): LivekitConfig {
  const foreign = (['url', 'api_key', 'api_secret', 'webhook_url'] as const).find(
    (key) => section[key] !== undefined,
  )
  if (foreign) {
    throw new ConfigError(
      `${given.placeOf('livekit', foreign)}: [livekit] ${foreign} and embedded = true exclude each other: ` +
        'the one means a LiveKit of your own, the other the media server inside this program',
    )
  }
  return {
    embedded: {
      mediaAddresses: section.media_addresses ?? null,
      udpPorts: section.udp_ports ?? null,
      maxParticipants: section.max_participants ?? mostEmbeddedParticipants,
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
