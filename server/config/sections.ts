/**
 * Every section and key of the configuration. A key's description is what the person reads who got
 * its value wrong, so it says what is allowed: “[calls] doubt_s must be …”.
 */
import { isIP } from 'node:net'
import { z } from 'zod'

const seconds = (min: number, max: number, standard: number) =>
  z
    .number()
    .min(min)
    .max(max)
    .default(standard)
    .describe(`a number of seconds from ${min} to ${max}`)

const perTime = (standard: number) =>
  z
    .int()
    .min(0)
    .max(1_000_000)
    .default(standard)
    .describe('a whole number up to 1000000; 0 switches the limit off')

const secret = z.string().min(1).optional().describe('a text that is not empty')

const origin = z.string().transform((text, context) => {
  const url = parseUrl(text)
  if (url && isBare(url) && /^https?:$/.test(url.protocol) && url.pathname === '/')
    return url.origin
  context.addIssue('no origin')
  return z.NEVER
})

export const sections = {
  general: z.object({
    name: z
      .string()
      .trim()
      .min(1)
      .max(60)
      .default('Chatto Calls')
      .describe('a name of 1 to 60 characters'),
  }),
  livekit: z.object({
    enabled: z.boolean().optional().describe('true or false'),
    url: z
      .string()
      .refine((text) => isUrl(text, /^wss?:$/))
      .optional()
      .describe('the address of LiveKit as browsers reach it: ws://… or wss://…'),
    internal_url: z
      .string()
      .refine((text) => isUrl(text, /^(ws|http)s?:$/))
      .optional()
      .describe('the address of LiveKit as this server reaches it: ws(s)://… or http(s)://…'),
    api_key: secret,
    api_secret: secret,
    embedded: z
      .boolean()
      .optional()
      .describe('true or false: whether this server carries the media itself'),
    media_addresses: z
      .array(z.string().refine((address) => isIP(address) !== 0))
      .optional()
      .describe('a list of IP addresses at which clients reach the embedded media server'),
    udp_ports: z
      .string()
      .transform((text, context) => {
        const ports = parsePorts(text)
        if (ports) return ports
        context.addIssue('no port range')
        return z.NEVER
      })
      .optional()
      .describe('a range of UDP ports like "50000-50099"'),
    max_participants: z
      .int()
      .min(1)
      .max(50)
      .optional()
      .describe('a whole number from 1 to 50: people in one call of the embedded media server'),
    webhook_url: z
      .string()
      .refine((text) => isUrl(text, /^https?:$/))
      .optional()
      .describe('the address that LiveKit sends its webhooks to: http://… or https://…'),
  }),
  webserver: z.object({
    url: origin
      .optional()
      .describe('the address as browsers reach it, without a path: http(s)://host[:port]'),
    host: z
      .string()
      .regex(/^[^\s/[\]]+$/)
      .default('127.0.0.1')
      .describe('the address to listen on: 127.0.0.1, 0.0.0.0, ::, a name …'),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(8080)
      .describe('a number from 1 to 65535; 0 takes any free port'),
    origins: z
      .array(origin)
      .default([])
      .describe('a list of origins without a path: http(s)://host[:port]'),
    tls: z
      .enum(['off', 'self-signed'])
      .default('off')
      .describe('"off" or "self-signed"; for a certificate of your own set tls_cert and tls_key'),
    tls_cert: z.string().min(1).optional().describe('the path of a PEM file with the certificate'),
    tls_key: z.string().min(1).optional().describe('the path of a PEM file with its private key'),
    trusted_proxies: z
      .array(z.string().refine(isAddressRange))
      .default([])
      .describe('a list of IP addresses or ranges like 10.0.0.0/8'),
  }),
  database: z.object({
    url: z
      .string()
      .refine(isDatabaseUrl)
      .default('sqlite:data/chatto.db')
      .describe('sqlite:PATH without parameters, or postgres://USER:PASSWORD@HOST/NAME'),
  }),
  accounts: z.object({
    registration: z.enum(['open', 'closed']).default('open').describe('"open" or "closed"'),
  }),
  security: z.object({
    key_encryption_key: z
      .string()
      .transform((text, context) => {
        const key = parseKey(text)
        if (key) return key
        context.addIssue('no key')
        return z.NEVER
      })
      .optional()
      .describe('base64 of exactly 32 bytes (openssl rand -base64 32)'),
  }),
  calls: z.object({
    join_deadline_s: seconds(1, 3600, 45),
    doubt_s: seconds(1, 600, 10),
    room_doubt_s: seconds(1, 600, 30),
    listing_lag_s: seconds(0.5, 60, 2),
    listing_interval_s: seconds(1, 600, 30),
    restless_interval_s: seconds(0.5, 60, 2),
    livekit_away_s: seconds(1, 86_400, 3600),
    most_people: z
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe('a whole number up to 10000: people in one call; 0: no limit'),
  }),
  limits: z.object({
    registrations_per_minute: perTime(30),
    sign_ins_per_minute: perTime(60),
    requests_per_second: perTime(50),
    joins_per_minute: perTime(60),
    socket_messages_per_second: perTime(100),
  }),
  metrics: z.object({ token: secret }),
  log: z.object({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .describe('trace, debug, info, warn, error, fatal or silent'),
  }),
} as const

export type SectionName = keyof typeof sections
export type Section<N extends SectionName> = z.infer<(typeof sections)[N]>

export const sectionNames = Object.keys(sections) as SectionName[]

export function isSectionName(name: string): name is SectionName {
  return Object.hasOwn(sections, name)
}

export function keysOf(name: SectionName): string[] {
  return Object.keys(sections[name].shape)
}

/** The schema of one key; undefined when the section has no such key. */
export function schemaOf(name: SectionName, key: string): z.ZodType | undefined {
  const shape: Readonly<Record<string, z.ZodType>> = sections[name].shape
  return Object.hasOwn(shape, key) ? shape[key] : undefined
}

/** The 32 bytes that a text stands for, in base64 or base64url; undefined for anything else. */
export function parseKey(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text.trim())
    ? Buffer.from(text.trim(), 'base64')
    : undefined
}

/** `50000-50099`, or one port. */
function parsePorts(text: string): { from: number; to: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text.trim())
  if (!match) return undefined
  const from = Number(match[1])
  const to = Number(match[2] ?? match[1])
  return from >= 1024 && to <= 65_535 && from <= to ? { from, to } : undefined
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null
}

/** Without what has no business in an address that browsers and LiveKit are told. */
function isBare(url: URL): boolean {
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}

function isUrl(text: string, protocol: RegExp): boolean {
  const url = parseUrl(text)
  return url !== null && protocol.test(url.protocol) && url.hostname !== '' && isBare(url)
}

function isDatabaseUrl(text: string): boolean {
  // With a socket for a host there may be a person before none: `postgres://ada@/chatto?host=/run`.
  if (/^postgres(ql)?:\/\//.test(text)) return URL.canParse(text.replace('@/', '@host/'))
  // `sqlite://data/chatto.db` looks relative and would be a host; `:memory:` would be lost; what stands
  // behind a question mark would become a part of the file's name.
  return /^sqlite:(?!\/\/[^/]|:|file:)[^\0\r\n?]*[^/\0\r\n?]$/.test(text)
}

function isAddressRange(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  )
}
