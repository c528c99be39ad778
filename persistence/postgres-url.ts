/**
 * What a PostgreSQL url asks for, as the driver wants it. Its parameters mean what they mean to PostgreSQL's
 * own programs (libpq): https://www.postgresql.org/docs/current/libpq-connect.html. What this program does
 * not do is refused by name, for a parameter that is dropped in silence may be the one that asked for TLS.
 */
import { userInfo } from 'node:os'
import { parse } from 'pg-connection-string'
import { CannotOpenDatabaseError } from './cannot-open.ts'
import { isTlsMode, toTls, type DriverTls, type TlsMode, type TlsWishes } from './postgres-tls.ts'

export type Variables = Readonly<Record<string, string | undefined>>

export interface PostgresConnection {
  host: string
  port: number
  user: string
  /** Undefined: none, or that of PostgreSQL's password file. */
  password: string | undefined
  database: string
  /** For the driver, beside the above. */
  driver: {
    application_name: string
    options?: string
    connectionTimeoutMillis: number
    keepAlive: boolean
    keepAliveInitialDelayMillis?: number
  }
  /** Tried in this order: `prefer` goes without TLS where the server has none. */
  tls: [DriverTls, ...DriverTls[]]
  tlsMode: TlsMode
}

/** Parameters of the url, and the variable that PostgreSQL's programs read in their place. */
const variables = {
  host: 'PGHOST',
  port: 'PGPORT',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  dbname: 'PGDATABASE',
  application_name: 'PGAPPNAME',
  options: 'PGOPTIONS',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
} as const
const withoutVariable = ['ssl', 'sslpassword', 'keepalives', 'keepalives_idle'] as const

/** Said for what is so anyway. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  client_encoding: ['utf8', 'utf-8', 'auto'],
  channel_binding: ['disable', 'prefer'],
  gssencmode: ['disable', 'prefer'],
  sslnegotiation: ['postgres'],
  target_session_attrs: ['any'],
  uselibpqcompat: ['true', '1'],
}

/** Read by the driver itself, or by its reader of password files. */
const driversOwn = ['PGPASSFILE', 'PGCLIENTENCODING', 'PGTZ', 'PGDATESTYLE']

type Parameter = keyof typeof variables | (typeof withoutVariable)[number]

const isParameter = (name: string): name is Parameter =>
  Object.hasOwn(variables, name) || withoutVariable.some((known) => known === name)

const refuse = (why: string) => new CannotOpenDatabaseError(`[database] url: ${why}`)

/** Throws `CannotOpenDatabaseError`: one line that names the parameter, never a value of the url. */
export function parsePostgresUrl(url: string, env: Variables): PostgresConnection {
  const given = read(url)
  const get = (name: keyof typeof variables) => given.get(name) || env[variables[name]] || undefined

  const host = get('host') ?? 'localhost'
  if (host.includes(',')) throw refuse('several hosts are more than this program can try')
  const user = get('user') ?? userInfo().username
  const isSocket = host.startsWith('/')
  const tlsMode = isSocket ? 'disable' : toMode(given, get('sslmode'), get('sslrootcert'))
  const wishes: TlsWishes = {
    host,
    rootFile: get('sslrootcert'),
    certificateFile: get('sslcert'),
    keyFile: get('sslkey'),
    keyPassword: given.get('sslpassword'),
  }
  const options = get('options')
  const idle = given.get('keepalives_idle')
  return {
    host,
    port: toNumber('port', get('port') ?? '5432', 65_535),
    user,
    password: get('password'),
    database: get('dbname') ?? user,
    driver: {
      application_name: get('application_name') ?? 'chatto-calls',
      ...(options !== undefined && { options }),
      connectionTimeoutMillis:
        toNumber('connect_timeout', get('connect_timeout') ?? '10', 3600) * 1000,
      keepAlive: given.get('keepalives') !== '0',
      ...(idle !== undefined && {
        keepAliveInitialDelayMillis: toNumber('keepalives_idle', idle, 86_400) * 1000,
      }),
    },
    tls: toTls(tlsMode, wishes, refuse),
    tlsMode,
  }
}

/** Those of the environment that ask for something which is not done here. */
export function variablesWithoutUse(env: Variables): string[] {
  const used: readonly string[] = [...Object.values(variables), ...driversOwn]
  return Object.keys(env).filter(
    (name) =>
      /^PG(SSL|HOSTADDR|SERVICE|REQUIRE|CHANNEL|GSS|TARGET|LOAD|KRB|MIN|MAX)/.test(name) &&
      Boolean(env[name]) &&
      !used.includes(name),
  )
}

/** The url as it may be shown. */
export function withoutPassword(url: string): string {
  return url
    .replace(/:\/\/[^@/]*@/, '://…@')
    .replaceAll(/([?&](?:password|sslpassword)=)[^&]*/gi, '$1…')
}

/** Readers of urls drop them, and PostgreSQL reads a name up to there: it would be another database. */
const holdsControl = (text: string) => /\p{Cc}/u.test(text)

function read(url: string): Map<Parameter, string> {
  let parsed: ReturnType<typeof parse>
  if (holdsControl(url)) throw refuse('it holds a control character')
  const [bare = '', query = ''] = url.split(/\?(.*)/s)
  try {
    parsed = parse(bare)
  } catch {
    throw refuse('it cannot be read: postgres://USER:PASSWORD@HOST:PORT/NAME?PARAMETER=VALUE')
  }
  const given = new Map<Parameter, string>()
  const note = (name: Parameter, value: string | null | undefined) => {
    if (value && holdsControl(value)) throw refuse(`${name} holds a control character`)
    if (value) given.set(name, value)
  }
  note('host', parsed.host)
  note('port', parsed.port)
  note('user', parsed.user)
  note('password', parsed.password)
  note('dbname', parsed.database)
  for (const [name, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
    if (isParameter(name)) note(name, value)
    else if (!harmless[name]?.includes(value.toLowerCase())) {
      const isKnown = Object.hasOwn(harmless, name)
      throw refuse(
        isKnown
          ? `the parameter ${name} may only be ${harmless[name]?.join(' or ')}`
          : `the parameter ${name} is not known and would have no effect; take it out`,
      )
    }
  }
  return given
}

function toMode(
  given: ReadonlyMap<Parameter, string>,
  sslmode: string | undefined,
  rootFile: string | undefined,
): TlsMode {
  const ssl = given.get('ssl')?.toLowerCase()
  const asked = new Map<string | undefined, TlsMode>([
    ['true', 'require'],
    ['1', 'require'],
    ['require', 'require'],
    ['no-verify', 'no-verify'],
    ['false', 'disable'],
    ['0', 'disable'],
  ])
  const bySsl = asked.get(ssl)
  if (ssl !== undefined && !bySsl) throw refuse('the parameter ssl must be true or false')
  // The url goes before the environment.
  const mode = given.has('sslmode') ? sslmode : (bySsl ?? sslmode)
  if (mode === undefined) return rootFile === 'system' ? 'verify-full' : 'prefer'
  if (!isTlsMode(mode)) {
    throw refuse(
      'the parameter sslmode must be disable, prefer, require, verify-ca, verify-full or no-verify',
    )
  }
  if (bySsl && (bySsl === 'disable') !== (mode === 'disable')) {
    throw refuse('the parameters ssl and sslmode contradict each other')
  }
  return mode
}

function toNumber(name: string, text: string, max: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) <= max) return Number(text)
  throw refuse(`the parameter ${name} must be a whole number up to ${max}`)
}
