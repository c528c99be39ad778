/** Reads `chatto.toml` and the environment. A wrong value is named with its key, source and what is allowed. */
import { dirname, isAbsolute, resolve } from 'node:path'
import { parse as parseToml, TomlError } from 'smol-toml'
import { z } from 'zod'
import type { Config, LivekitConfig } from './config.ts'
import { nearestWord } from './nearest-word.ts'

/** One line for a person; never holds a secret's value. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}

export interface ConfigSources {
  argv: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  /** Undefined when there is no such file. */
  readFile(path: string): string | undefined
}

const seconds = (least: number, most: number, standard: number) =>
  z.number().min(least).max(most).default(standard)
const perTime = (standard: number) => z.int().min(0).max(1_000_000).default(standard)
const secret = z.string().min(1)
const webUrl = z.url({ protocol: /^https?$/ })
const words = z.array(z.string().min(1))

/** Every section and key, with what is allowed. Names are those of `chatto.toml`. */
const sections = {
  general: z.strictObject({ name: z.string().trim().min(1).max(60).default('Chatto Calls') }),
  livekit: z.strictObject({
    enabled: z.boolean().optional(),
    url: z.url({ protocol: /^wss?$/ }).optional(),
    api_key: secret.optional(),
    api_secret: secret.optional(),
    webhook_url: webUrl.optional(),
  }),
  webserver: z.strictObject({
    url: webUrl.optional(),
    host: z.string().min(1).default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(8080),
    origins: words.default([]),
    trusted_proxies: words.default([]),
  }),
  database: z.strictObject({
    url: z
      .string()
      .regex(/^(sqlite:.+|postgres(ql)?:\/\/.+)$/, 'sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME')
      .default('sqlite:data/chatto.db'),
  }),
  accounts: z.strictObject({ registration: z.enum(['open', 'closed']).default('open') }),
  security: z.strictObject({
    key_encryption_key: z
      .string()
      .refine((text) => Buffer.from(text, 'base64').length === 32, 'base64 of exactly 32 bytes')
      .optional(),
  }),
  calls: z.strictObject({
    join_deadline_s: seconds(5, 3600, 45),
    doubt_s: seconds(1, 600, 10),
    room_doubt_s: seconds(1, 600, 30),
    listing_lag_s: seconds(0.5, 60, 2),
    listing_interval_s: seconds(1, 600, 30),
    restless_interval_s: seconds(0.5, 60, 2),
    livekit_away_s: seconds(30, 86_400, 3600),
  }),
  limits: z.strictObject({
    registrations_per_minute: perTime(30),
    sign_ins_per_minute: perTime(60),
    requests_per_second: perTime(50),
    socket_messages_per_second: perTime(100),
  }),
  metrics: z.strictObject({ token: secret.optional() }),
  log: z.strictObject({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  }),
} as const

type SectionName = keyof typeof sections
type Raw = Record<string, Record<string, unknown>>
const sectionNames = Object.keys(sections) as SectionName[]

/** Throws `ConfigError`. */
export function loadConfig(sources: ConfigSources): Config {
  const warnings: string[] = []
  const { file, text, folder } = findFile(sources)
  const raw = text === undefined ? {} : parseFile(file ?? '', text)
  warnAboutUnknown(raw, warnings)
  const origin = overlayEnvironment(raw, sources.env, warnings)

  const read = <N extends SectionName>(name: N): z.infer<(typeof sections)[N]> => {
    const known = onlyKnownKeys(name, raw[name] ?? {})
    const result = sections[name].safeParse(known)
    if (result.success) return result.data as z.infer<(typeof sections)[N]>
    const issue = result.error.issues[0]
    const key = String(issue?.path[0] ?? '')
    throw new ConfigError(
      `[${name}] ${key} is wrong (${sourceOf(name, key, origin, file, text)}): ` +
        `${issue?.message ?? 'not allowed'}`,
    )
  }

  const webserver = read('webserver')
  const url = (webserver.url ?? `http://localhost:${webserver.port}`).replace(/\/+$/, '')
  const database = { url: absoluteDatabase(read('database').url, folder) }
  const calls = read('calls')
  const limits = read('limits')
  return {
    file,
    name: read('general').name,
    livekit: 'livekit' in raw ? toLivekit(read('livekit'), url, warnings) : null,
    webserver: {
      url,
      host: webserver.host,
      port: webserver.port,
      origins: webserver.origins.map(toOrigin),
      trustedProxies: webserver.trusted_proxies,
    },
    database,
    accounts: read('accounts'),
    security: toSecurity(read('security').key_encryption_key, database.url),
    calls: {
      joinDeadlineMs: calls.join_deadline_s * 1000,
      doubtMs: calls.doubt_s * 1000,
      roomDoubtMs: calls.room_doubt_s * 1000,
      listingLagMs: calls.listing_lag_s * 1000,
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

function findFile({ argv, cwd, readFile }: ConfigSources): {
  file: string | null
  text: string | undefined
  folder: string
} {
  const flag = argv.indexOf('--config')
  const named = flag >= 0 ? argv[flag + 1] : argv.find((a) => a.startsWith('--config='))?.slice(9)
  if (flag >= 0 && !named) throw new ConfigError('--config needs the path of a file')
  const path = resolve(cwd, named ?? 'chatto.toml')
  const text = readFile(path)
  if (named && text === undefined) throw new ConfigError(`there is no configuration file ${path}`)
  return { file: text === undefined ? null : path, text, folder: dirname(path) }
}

function parseFile(file: string, text: string): Raw {
  let parsed: Record<string, unknown>
  try {
    parsed = parseToml(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const reason = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '')
    throw new ConfigError(`${file}:${error.line}:${error.column}: ${reason}`)
  }
  const raw: Raw = {}
  for (const [name, section] of Object.entries(parsed)) {
    if (typeof section === 'object' && section !== null && !Array.isArray(section)) {
      raw[name] = section as Record<string, unknown>
    } else if (isSection(name)) {
      throw new ConfigError(`${file}: ${name} must be a section, written [${name}]`)
    } else {
      raw[name] = {}
    }
  }
  return raw
}

const isSection = (name: string): name is SectionName => sectionNames.some((known) => known === name)
const keysOf = (name: SectionName) => Object.keys(sections[name].shape)

/** A `chatto.toml` of Chatto itself has more sections than ours: they are named, not refused. */
function warnAboutUnknown(raw: Raw, warnings: string[]): void {
  for (const [name, section] of Object.entries(raw)) {
    if (!isSection(name)) {
      warnings.push(`[${name}] is not known here and is left alone${hint(name, sectionNames)}`)
      continue
    }
    for (const key of Object.keys(section)) {
      if (!keysOf(name).includes(key)) {
        warnings.push(`[${name}] ${key} is not known${hint(key, keysOf(name))}`)
      }
    }
  }
}

function hint(word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known)
  return nearest ? `; did you mean ${nearest}?` : ''
}

function onlyKnownKeys(name: SectionName, section: Record<string, unknown>) {
  const known = keysOf(name)
  return Object.fromEntries(Object.entries(section).filter(([key]) => known.includes(key)))
}

/** `CHATTO_<SECTION>_<KEY>` wins over the file. Gives which variable set what. */
function overlayEnvironment(
  raw: Raw,
  env: ConfigSources['env'],
  warnings: string[],
): ReadonlyMap<string, string> {
  const origin = new Map<string, string>()
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('CHATTO_') || value === undefined) continue
    if (variable === 'CHATTO_WEB_ROOT') continue
    const name = sectionNames.find((s) => variable.startsWith(`CHATTO_${s.toUpperCase()}_`))
    const key = name && variable.slice(`CHATTO_${name}_`.length).toLowerCase()
    if (!name || !key || !keysOf(name).includes(key)) {
      const all = sectionNames.flatMap((s) =>
        keysOf(s).map((k) => `CHATTO_${s}_${k}`.toUpperCase()),
      )
      warnings.push(`the variable ${variable} is not known${hint(variable, all)}`)
      continue
    }
    raw[name] = { ...raw[name], [key]: fromText(name, key, value) }
    origin.set(`${name}.${key}`, variable)
  }
  return origin
}

/** Variables are text; what the key wants tells how to read it. */
function fromText(name: SectionName, key: string, value: string): unknown {
  const schema = (sections[name].shape as Record<string, z.ZodType>)[key]
  const wants = (candidate: unknown) => schema?.safeParse(candidate).success ?? false
  if (wants(value)) return value
  if (value === 'true' || value === 'false') return value === 'true'
  const asNumber = Number(value)
  if (value.trim() !== '' && Number.isFinite(asNumber) && !wants([value])) return asNumber
  const list = value.split(',').map((item) => item.trim())
  return wants(list) ? list : value
}

function sourceOf(
  name: string,
  key: string,
  origin: ReadonlyMap<string, string>,
  file: string | null,
  text: string | undefined,
): string {
  const variable = origin.get(`${name}.${key}`)
  if (variable) return `variable ${variable}`
  if (!file || text === undefined) return 'not set'
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.trim().startsWith(`[${name}]`))
  const offset = lines.slice(start + 1).findIndex((line) => line.trim().startsWith(key))
  return offset < 0 ? file : `${file}:${start + offset + 2}`
}

function toLivekit(
  section: z.infer<typeof sections.livekit>,
  webserverUrl: string,
  warnings: string[],
): LivekitConfig | null {
  // Left out in a section that is there means true.
  if (section.enabled === false) return null
  const { url, api_key: apiKey, api_secret: apiSecret } = section
  for (const [key, value] of Object.entries({ url, api_key: apiKey, api_secret: apiSecret })) {
    if (!value) {
      throw new ConfigError(
        `[livekit] ${key} is missing: calls are on, so url, api_key and api_secret are needed ` +
          `(or set enabled = false)`,
      )
    }
  }
  if (!url || !apiKey || !apiSecret) throw new ConfigError('[livekit] is incomplete')
  if (apiSecret.length < 32 && !isLoopback(new URL(url).hostname)) {
    warnings.push('[livekit] api_secret is short: LiveKit advises at least 32 characters')
  }
  return {
    url: url.replace(/\/+$/, ''),
    apiKey,
    apiSecret,
    webhookUrl: section.webhook_url ?? `${webserverUrl}/webhooks/livekit`,
  }
}

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  return bare === 'localhost' || bare === '::1' || /^127\.\d+\.\d+\.\d+$/.test(bare)
}

function absoluteDatabase(url: string, folder: string): string {
  if (!url.startsWith('sqlite:')) return url
  const path = url.slice('sqlite:'.length)
  return `sqlite:${isAbsolute(path) ? path : resolve(folder, path)}`
}

function toSecurity(key: string | undefined, databaseUrl: string): Config['security'] {
  if (key !== undefined) return { keyEncryptionKey: Buffer.from(key, 'base64'), keyFile: null }
  if (!databaseUrl.startsWith('sqlite:')) {
    throw new ConfigError(
      '[security] key_encryption_key is missing: with PostgreSQL it must be set, ' +
        'base64 of 32 random bytes (openssl rand -base64 32)',
    )
  }
  return { keyEncryptionKey: null, keyFile: `${databaseUrl.slice('sqlite:'.length)}.key` }
}

function toOrigin(text: string): string {
  try {
    return new URL(text).origin
  } catch {
    throw new ConfigError(`[webserver] origins holds “${text}”, which is no http(s)://host[:port]`)
  }
}
