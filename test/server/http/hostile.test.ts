/**
 * Malformed requests, webhooks and sockets: each gets its 4xx, its close code or the end of its
 * connection; nothing changes in the database; the process lives and nothing was our own failure.
 */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Join, Room } from '../../../server/protocol/wire.ts'
import { sendRaw, toFrame } from '../../support/raw-http.ts'
import {
  goodPassword,
  livekitKey,
  runApp,
  signAsLivekit,
  toWebhook,
  type Ask,
  type Person,
  type RunningApp,
} from '../../support/running-app.ts'

let app: RunningApp
let ada: Person
let bo: Person
/** Is in no room but the first. */
let eve: Person
let room: Room
let dm: Room
let join: Join
let before: string

beforeAll(async () => {
  // The clock stands still, so that nothing changes by itself.
  const at = Date.now()
  app = await runApp({
    now: () => at,
    logLevel: 'warn',
    env: { CHATTO_LIMITS_SOCKET_MESSAGES_PER_SECOND: '100' },
  })
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
  eve = await app.signUp('eve')
  room = await ada.makeRoom('Closed', 'private')
  await ada.ask('PUT', `/api/rooms/${room.id}/members/${bo.id}`)
  dm = await ada.post<Room>('/api/dms', { userId: bo.id })
  join = await ada.join(room, 'page-1')
  await app.report({ event: 'participant_joined', join })
  await ada.say(room, 'private words')
  before = await app.dump()
})
afterAll(() => app.close())

/** A status, a close code, or `closed` for a connection that just ended. */
type Seen = number | string
type Case = [what: string, expected: Seen, attack: () => Promise<Seen>]

/** Some builds of uWebSockets say 400 or 505 to what others take no notice of, or leave to us. */
const refusal = 'refused'
const refused = (attack: () => Promise<Seen>) => async (): Promise<Seen> =>
  [400, 421, 505, 'closed'].includes(await attack()) ? refusal : 'taken'

async function expectHarmless([what, expected, attack]: Case): Promise<void> {
  const seen = await attack()
  expect(`${what}: ${seen}`).toBe(`${what}: ${expected}`)
  expect(await app.dump()).toBe(before)
}

// ---------------------------------------------------------------- requests

const as = (person: () => Person, method: string, path: () => string, more: Ask = {}) => {
  return async (): Promise<Seen> => {
    const authorization = `Bearer ${person().token}`
    const headers = { authorization, ...more.headers }
    return (await app.ask(method, path(), { ...more, headers })).status
  }
}
const json = { 'content-type': 'application/json' }
/** Ada posts these bytes as a message of her room. */
const posted = (raw: string | Buffer, headers: object = json) =>
  as(
    () => ada,
    'POST',
    () => `/api/rooms/${room.id}/messages`,
    { raw, headers: headers as Ask['headers'] & object },
  )
const adaDoes = (method: string, path: () => string, body?: unknown) =>
  as(() => ada, method, path, body === undefined ? {} : { body })
const eveDoes = (method: string, path: () => string, body?: unknown) =>
  as(() => eve, method, path, body === undefined ? {} : { body })
const atRoom = (rest: string) => () => `/api/rooms/${room.id}${rest}`
const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

const bodies: Case[] = [
  ['an empty body', 400, posted('')],
  ['half an object', 400, posted('{"text":"hi"')],
  ['a list', 400, posted('[{"text":"hi"}]')],
  ['null', 400, posted('null')],
  ['a number', 400, posted('1e999')],
  ['a text', 400, posted('"text"')],
  ['two objects', 400, posted('{"text":"a"}{"text":"b"}')],
  ['a number for a text', 400, posted('{"text":1}')],
  ['a list for a text', 400, posted('{"text":["a"]}')],
  ['an object for a text', 400, posted('{"text":{"toString":"a"}}')],
  ['an unknown field', 400, posted('{"text":"a","seq":1}')],
  ['a field where none is taken', 400, adaDoes('POST', () => '/api/auth/logout', { all: true })],
  ['a parameter where none is taken', 400, adaDoes('GET', () => '/api/me?x=1')],
  ['an event of XState’s for a field', 400, posted('{"text":"a","type":"xstate.stop"}')],
  ['a prototype', 400, posted('{"text":"a","__proto__":{"admin":true}}')],
  ['a constructor', 400, posted('{"text":"a","constructor":{"prototype":{"admin":true}}}')],
  ['a NUL in the text', 400, posted('{"text":"a\\u0000b"}')],
  ['half a surrogate pair', 400, posted('{"text":"a\\ud800b"}')],
  ['a raw control character', 400, posted('{"text":"a\nb"}')],
  ['bad UTF-8', 400, posted(Buffer.from('{"text":"a\xff\xfeb"}', 'latin1'))],
  ['a surrogate in UTF-8', 400, posted(Buffer.from('7b2274657874223a22eda0802229', 'hex'))],
  ['UTF-16', 400, posted(Buffer.from('{"text":"a"}', 'utf16le'))],
  ['16 levels too deep', 400, posted(`{"text":${deep(32)}}`)],
  ['ten thousand levels', 400, posted(deep(10_000))],
  ['8,001 characters', 400, posted(JSON.stringify({ text: 'x'.repeat(8_001) }))],
  ['64 kB and one byte', 413, posted(`{"text":"${'x'.repeat(64 * 1024)}"}`)],
  ['600 kB', 413, posted('x'.repeat(600 << 10))],
  ['no content type', 415, posted('{"text":"a"}', {})],
  ['a form', 415, posted('text=a', { 'content-type': 'application/x-www-form-urlencoded' })],
  ['text that is JSON', 415, posted('{"text":"a"}', { 'content-type': 'text/plain' })],
  [
    'compressed JSON',
    415,
    posted(gzipSync('{"text":"a"}'), { ...json, 'content-encoding': 'gzip' }),
  ],
  ['a request id with a line break', 400, posted('{"text":"a","requestId":"a\\nb"}')],
]

const paths: Case[] = [
  ['the id of a parent folder', 404, adaDoes('GET', () => '/api/rooms/../rooms')],
  ['the same, encoded', 404, adaDoes('GET', () => '/api/rooms/%2e%2e%2f%2e%2e')],
  ['the same, encoded twice', 404, adaDoes('GET', () => '/api/rooms/%252e%252e')],
  ['an id with a NUL', 404, adaDoes('GET', () => '/api/rooms/%00')],
  ['an id that is no UTF-8', 404, adaDoes('GET', () => '/api/rooms/%ff%fe')],
  ['an id with half an escape', 404, adaDoes('GET', () => '/api/rooms/%')],
  ['an id of 9,000 characters', 404, adaDoes('GET', () => `/api/rooms/${'a'.repeat(3_000)}`)],
  ['an id that is SQL', 404, adaDoes('DELETE', () => `/api/rooms/'%20or%201=1--`)],
  ['the prototype', 404, adaDoes('DELETE', () => '/api/rooms/__proto__')],
  ['a prototype’s member', 404, adaDoes('PUT', atRoom('/members/__proto__'))],
  ['an endpoint with a slash too many', 404, adaDoes('GET', () => '/api/rooms/')],
  ['an endpoint with two slashes', 404, adaDoes('GET', () => '/api//rooms')],
  ['no endpoint', 404, adaDoes('GET', () => '/api/secrets')],
  ['another method', 404, adaDoes('PUT', () => '/api/rooms')],
  ['a method that nobody knows', 404, adaDoes('PROPFIND', () => '/api/rooms')],
  ['a limit of a million', 400, adaDoes('GET', atRoom('/timeline?limit=1000000'))],
  ['a huge number', 400, adaDoes('GET', atRoom(`/timeline?before=${'9'.repeat(400)}`))],
  ['infinity', 400, adaDoes('GET', atRoom('/timeline?before=Infinity'))],
  ['a query of the prototype', 400, adaDoes('GET', atRoom('/timeline?__proto__[limit]=1'))],
  ['a bad escape in a query', 400, adaDoes('GET', () => '/api/users?query=%E0%A4%A')],
  ['a file of the server’s', 404, adaDoes('GET', () => '/../../etc/passwd')],
  ['the same, encoded for a page', 404, adaDoes('GET', () => '/..%2f..%2fetc%2fpasswd')],
  ['a backslash', 404, adaDoes('GET', () => '/..%5c..%5cchatto.db')],
]

const foreign: Case[] = [
  ['Eve looks into a private room', 404, eveDoes('GET', atRoom(''))],
  ['Eve reads its history', 404, eveDoes('GET', atRoom('/timeline'))],
  ['Eve posts into it', 404, eveDoes('POST', atRoom('/messages'), { text: 'hi' })],
  ['Eve lets herself in', 404, eveDoes('PUT', () => `/api/rooms/${room.id}/members/${eve.id}`)],
  ['Eve removes Bo', 404, eveDoes('DELETE', () => `/api/rooms/${room.id}/members/${bo.id}`)],
  ['Eve renames it', 404, eveDoes('PATCH', atRoom(''), { name: 'Mine' })],
  ['Eve deletes it', 404, eveDoes('DELETE', atRoom(''))],
  ['Eve joins its call', 403, eveDoes('POST', atRoom('/call/join'), {})],
  [
    'Eve joins as Ada’s page',
    403,
    eveDoes('POST', atRoom('/call/join'), { connectionId: 'page-1' }),
  ],
  [
    'Eve hangs up for Ada',
    403,
    () => eveDoes('POST', atRoom('/call/leave'), { callId: join.callId, connectionId: 'page-1' })(),
  ],
  [
    'Eve reads the direct messages of others',
    404,
    eveDoes('GET', () => `/api/rooms/${dm.id}/timeline`),
  ],
  ['Eve joins their call', 403, eveDoes('POST', () => `/api/rooms/${dm.id}/call/join`, {})],
  ['Eve deletes Ada', 403, eveDoes('DELETE', () => `/api/users/${ada.id}`)],
  [
    'Eve deletes herself with Ada’s password',
    403,
    eveDoes('DELETE', () => '/api/me', { password: 'wrong' }),
  ],
  ['Eve looks for what was ignored', 403, eveDoes('GET', () => '/api/admin/ignored')],
  [
    'Eve registers as Ada',
    409,
    eveDoes('POST', () => '/api/auth/register', { login: 'ADA', password: goodPassword }),
  ],
  [
    'Eve registers as admin',
    400,
    eveDoes('POST', () => '/api/auth/register', {
      login: 'root',
      password: goodPassword,
      admin: true,
    }),
  ],
]

const origins: Case[] = [
  ['a foreign Origin', 403, posted('{"text":"a"}', { ...json, origin: 'https://evil.example' })],
  ['Origin null', 403, posted('{"text":"a"}', { ...json, origin: 'null' })],
  ['an Origin that is none', 403, posted('{"text":"a"}', { ...json, origin: '<script>' })],
  ['a foreign Host', 421, posted('{"text":"a"}', { ...json, host: 'evil.example' })],
  [
    'a Host that begins like ours',
    421,
    posted('{"text":"a"}', { ...json, host: 'localhost.evil' }),
  ],
  ['a Host with a user', 421, posted('{"text":"a"}', { ...json, host: 'a@127.0.0.1' })],
  ['a Host with a path', 421, posted('{"text":"a"}', { ...json, host: '127.0.0.1/x' })],
  [
    'a Host by a proxy that nobody trusts',
    421,
    posted('{"text":"a"}', { ...json, host: 'evil.example', 'x-forwarded-host': '127.0.0.1' }),
  ],
  [
    'Ada’s cookie without an Origin',
    403,
    async () => {
      const headers = { ...json, cookie: `chatto_session=${ada.token}` }
      return (await app.ask('POST', '/api/rooms', { headers, raw: '{"name":"x"}' })).status
    },
  ],
  [
    'Ada’s cookie from a foreign site',
    403,
    async () => {
      const cookie = `chatto_session=${ada.token}`
      const headers = { ...json, cookie, origin: 'https://evil.example' }
      return (await app.ask('DELETE', `/api/rooms/${room.id}`, { headers })).status
    },
  ],
  ['metrics by way of a proxy', 403, () => asked('/metrics', { 'x-forwarded-for': '127.0.0.1' })],
]
const asked = async (path: string, headers: Record<string, string>) =>
  (await app.ask('GET', path, { headers })).status

describe('requests', () => {
  test.each(bodies)('%s as a message: %s', (...entry) => expectHarmless(entry))
  test.each(paths)('%s: %s', (...entry) => expectHarmless(entry))
  test.each(foreign)('%s: %s', (...entry) => expectHarmless(entry))
  test.each(origins)('%s: %s', (...entry) => expectHarmless(entry))
})

// ---------------------------------------------------------------- raw HTTP

const head = (line: string, ...headers: string[]) =>
  [line, `Host: 127.0.0.1`, ...headers, '', ''].join('\r\n')
const adaPosts = (...headers: string[]) =>
  head(
    `POST /api/rooms/${room.id}/messages HTTP/1.1`,
    `Authorization: Bearer ${ada.token}`,
    'Content-Type: application/json',
    ...headers,
  )
const message = '{"text":"smuggled"}'
const raw = (bytes: () => string | Buffer, options = {}) => {
  return async (): Promise<Seen> => (await sendRaw(app.port, bytes(), options)).status ?? 'closed'
}

/** Bytes that no library sends. uWebSockets itself answers some, or just hangs up. */
const wire: Case[] = [
  [
    'four megabytes announced',
    413,
    raw(() => `${adaPosts(`Content-Length: ${4 << 20}`)}${'x'.repeat(70_000)}`),
  ],
  ['an empty Host', 421, raw(() => 'GET /api/me HTTP/1.1\r\nHost: \r\n\r\n')],
  [
    'two Hosts',
    refusal,
    refused(raw(() => head('GET /api/config HTTP/1.1', 'Host: evil.example'))),
  ],
  ['no Host at all', refusal, refused(raw(() => 'GET /api/me HTTP/1.1\r\n\r\n'))],
  ['a NUL in a header', refusal, refused(raw(() => head('GET /api/me HTTP/1.1', 'X-A: a\0b')))],
  ['a space before a colon', refusal, refused(raw(() => head('GET /api/me HTTP/1.1', 'X-A : b')))],
  ['HTTP/9', 505, raw(() => 'GET / HTTP/9.9\r\nHost: a\r\n\r\n')],
  ['no HTTP', 505, raw(() => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello there\r\n\r\n')],
  ['a header without end', 431, raw(() => `GET / HTTP/1.1\r\nX-A: ${'a'.repeat(200_000)}`)],
  [
    'ten thousand headers',
    431,
    raw(() =>
      head('GET /api/me HTTP/1.1', ...Array.from({ length: 10_000 }, (_, i) => `x${i}: 1`)),
    ),
  ],
  ['a length that is no number', 400, raw(() => `${adaPosts('Content-Length: abc')}${message}`)],
  ['a negative length', 400, raw(() => `${adaPosts('Content-Length: -1')}${message}`)],
  ['a length of 10^30', 400, raw(() => `${adaPosts(`Content-Length: 1${'0'.repeat(30)}`)}x`)],
  [
    'a length and chunks (smuggling)',
    400,
    raw(() => `${adaPosts('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`),
  ],
  [
    'a chunk of no size',
    400,
    raw(() => `${adaPosts('Transfer-Encoding: chunked')}xyz\r\n${message}\r\n0\r\n\r\n`),
  ],
  [
    'half a body, then gone',
    'closed',
    raw(() => `${adaPosts('Content-Length: 500')}{"text":"half`, { thenHangUp: true }),
  ],
  [
    'half a chunk, then gone',
    'closed',
    raw(() => `${adaPosts('Transfer-Encoding: chunked')}400\r\n{"text":`, { thenHangUp: true }),
  ],
  [
    'half a request line, then gone',
    refusal,
    refused(raw(() => 'POST /api/roo', { thenHangUp: true })),
  ],
  [
    'two tokens',
    401,
    raw(() => head('GET /api/me HTTP/1.1', 'Authorization: Bearer a', 'Authorization: Bearer b')),
  ],
  [
    'two Origins',
    403,
    raw(
      () =>
        `${adaPosts(
          'Origin: https://chat.example',
          'Origin: https://evil.example',
          `Content-Length: ${message.length}`,
        )}${message}`,
    ),
  ],
  [
    'two lengths',
    refusal,
    refused(
      raw(() => `${adaPosts('Content-Length: 2', `Content-Length: ${message.length}`)}${message}`),
    ),
  ],
]

describe('raw bytes', () => {
  test.each(wire)('%s: %s', (...entry) => expectHarmless(entry))
})

// ---------------------------------------------------------------- webhooks

type Forge = { body?: () => string | Buffer; headers?: () => Promise<object> }
const webhook = ({ body, headers }: Forge) => {
  return async (): Promise<Seen> => {
    const sent = body?.() ?? JSON.stringify(toWebhook({ event: 'participant_left', join }))
    return (await app.reportRaw(sent, { ...(await headers?.()) } as Ask['headers'] & object)).status
  }
}
const signedBy = (secret: string, key = livekitKey) => ({
  headers: async () => ({
    authorization: await signAsLivekit(
      JSON.stringify(toWebhook({ event: 'room_finished', join })),
      key,
      secret,
    ),
  }),
})
const claiming = (authorization: () => string | undefined) => ({
  headers: () => Promise.resolve({ authorization: authorization() }),
})
const signedBody = (body: string | Buffer) => webhook({ body: () => body })
const report = (change: object) => () =>
  JSON.stringify({ ...toWebhook({ event: 'participant_left', join }), ...change })

/** uWebSockets refuses it itself when it comes in more pieces than one. */
async function hugeSignature(): Promise<Seen> {
  const status = await webhook(claiming(() => 'a'.repeat(100_000)))()
  return status === 401 || status === 431 ? 'refused' : status
}

const webhooks: Case[] = [
  ['no signature', 401, webhook(claiming(() => undefined))],
  ['an empty signature', 401, webhook(claiming(() => ''))],
  ['another secret', 401, webhook(signedBy('not-the-secret-of-this-livekit-server'))],
  ['an empty key', 401, webhook(signedBy('x'.repeat(32), ' '))],
  ['the token of Ada’s join', 401, webhook(claiming(() => join.token))],
  ['Ada’s session', 401, webhook(claiming(() => `Bearer ${ada.token}`))],
  [
    'algorithm none',
    401,
    webhook(claiming(() => `${b64({ alg: 'none' })}.${b64({ iss: livekitKey, exp: 9e9 })}.`)),
  ],
  ['two signatures', 401, webhook(claiming(() => 'a.b.c, d.e.f'))],
  ['a signature of 100 kB', 'refused', hugeSignature],
  [
    'another body under the signature',
    401,
    webhook(signedBy('harbour-secret-0123456789-0123456789')),
  ],
  [
    'another type',
    415,
    webhook({ headers: () => Promise.resolve({ 'content-type': 'text/json' }) }),
  ],
  ['two megabytes', 413, signedBody(Buffer.alloc(2 << 20, 'x'))],
  ['signed: nothing', 400, signedBody('')],
  ['signed: no JSON', 400, signedBody('{"event":')],
  ['signed: a list', 400, signedBody('[]')],
  ['signed: bad UTF-8', 400, signedBody(Buffer.from([0x7b, 0xff, 0x7d]))],
  ['signed: compressed', 400, signedBody(gzipSync('{"event":"room_started","id":"a"}'))],
  ['signed: a thousand levels', 400, signedBody(deep(1_000))],
  ['signed: no id', 400, webhook({ body: report({ id: undefined }) })],
  ['signed: an id of a megabyte', 400, webhook({ body: report({ id: 'x'.repeat(1 << 18) }) })],
  ['signed: an id that is a number', 400, webhook({ body: report({ id: 7 }) })],
  ['signed: an event that is a list', 400, webhook({ body: report({ event: ['room_finished'] }) })],
  ['signed: a room that is a text', 400, webhook({ body: report({ room: 'x' }) })],
  ['signed: a participant that is a list', 400, webhook({ body: report({ participant: [] }) })],
  ['signed: no identity', 400, webhook({ body: report({ participant: { sid: 'PA_1' } }) })],
  [
    'signed: a prototype',
    400,
    webhook({ body: () => report({ x: 1 })().replace('"x":1', '"__proto__":{"sid":"x"}') }),
  ],
]
const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signed by LiveKit, and still nothing of ours: answered 200, kept in the record for admins alone. */
const ignorable: [string, object][] = [
  ['an event of XState’s', { event: 'xstate.done.actor.0' }],
  ['an event with an XState suffix', { event: 'participant_joined.xstate.stop' }],
  ['the room of another installation', { room: { sid: 'RM_9', name: '0000000000000000.a@b' } }],
  ['a room’s name with a path', { room: { sid: 'RM_9', name: '../../etc@passwd' } }],
  ['no room', { room: null }],
]

describe('webhooks', () => {
  test.each(webhooks)('%s: %s', (...entry) => expectHarmless(entry))

  test.each(ignorable)(
    '%s, signed: 200, and only the record knows of it',
    async (_name, change) => {
      const answer = await app.reportRaw(report(change)())
      expect(answer.status).toBe(200)
      const withoutRecord = (dump: string) =>
        dump.replace(/-- ignored_reports[\s\S]*?(?=\n-- )/, '')
      expect(withoutRecord(await app.dump())).toBe(withoutRecord(before))
      // The record is written a little later.
      const known = before
      await expect.poll(() => app.dump(), { timeout: 4_000 }).not.toBe(known)
      before = await app.dump()
    },
  )
})

// ---------------------------------------------------------------- sockets

const says = (...frames: (string | Buffer)[]) => {
  return async (): Promise<Seen> => {
    const socket = await bo.live()
    frames.forEach((frame) => socket.sayRaw(frame))
    return (await socket.closed).code
  }
}
const fiveTimes = (frame: string | Buffer) => says(...Array.from({ length: 5 }, () => frame))
const upgrade = () =>
  head(
    'GET /api/live HTTP/1.1',
    `Authorization: Bearer ${bo.token}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  )
/** `closed`, whatever was answered before. */
const breaks = (...frames: Buffer[]) => {
  return async (): Promise<Seen> => {
    const { status } = await sendRaw(app.port, upgrade(), { afterUpgrade: Buffer.concat(frames) })
    return status === 101 ? 'closed' : (status ?? 'not even upgraded')
  }
}
const hello = Buffer.from('{"type":"ping"}')

const sockets: Case[] = [
  ['no JSON', 1008, fiveTimes('{')],
  ['an unknown type', 1008, fiveTimes('{"type":"subscribe","roomId":"x"}')],
  ['an event of XState’s', 1008, fiveTimes('{"type":"xstate.init"}')],
  ['a welcome', 1008, fiveTimes('{"type":"welcome","protocol":1}')],
  ['an unknown field', 1008, fiveTimes('{"type":"ping","to":"x"}')],
  ['binary', 1008, fiveTimes(Buffer.from('{"type":"ping"}'))],
  ['bad UTF-8 in text', 'closed', breaks(toFrame(1, Buffer.from([0xff, 0xfe, 0xfd])))],
  ['a list for rooms', 1008, fiveTimes('{"type":"sync","rooms":["a"]}')],
  ['a text for a number', 1008, fiveTimes('{"type":"sync","rooms":{"a":"1"}}')],
  ['half a number', 1008, fiveTimes('{"type":"sync","rooms":{"a":1.5}}')],
  ['a number beyond numbers', 1008, fiveTimes('{"type":"sync","rooms":{"a":1e999}}')],
  ['a prototype for a room', 1008, fiveTimes('{"type":"sync","rooms":{"__proto__":1}}')],
  ['a room of 200 letters', 1008, fiveTimes(`{"type":"sync","rooms":{"${'a'.repeat(200)}":1}}`)],
  ['two thousand rooms', 1008, fiveTimes(sync(2_000))],
  ['very deep', 1008, fiveTimes(deep(5_000))],
  ['65 kB', 1009, says('x'.repeat(65 * 1024 + 1))],
  ['101 messages at once', 4429, says(...Array.from({ length: 101 }, () => '{"type":"ping"}'))],
  // Taken for masked ones, they are noise.
  [
    'unmasked frames',
    'closed',
    breaks(...Array.from({ length: 10 }, () => toFrame(1, hello, { masked: false }))),
  ],
  ['a reserved bit', 'closed', breaks(toFrame(1, hello, { reserved: 0x40 }))],
  ['a reserved opcode', 'closed', breaks(toFrame(3, hello))],
  ['a ping in pieces', 'closed', breaks(toFrame(9, hello, { fin: false }))],
  ['a ping of 200 bytes', 'closed', breaks(toFrame(9, Buffer.alloc(200)))],
  ['a continuation of nothing', 'closed', breaks(toFrame(0, hello))],
  ['a length of 2^62', 'closed', breaks(toFrame(1, hello, { length: 2 ** 62 }))],
  ['an upgrade without a key', 404, raw(() => upgrade().replace(/Sec-WebSocket-Key.*\r\n/, ''))],
  [
    'a foreign Origin',
    403,
    raw(() => upgrade().replace('\r\n\r\n', '\r\nOrigin: https://evil.example\r\n\r\n')),
  ],
  ['a foreign Host', 421, raw(() => upgrade().replace('127.0.0.1', 'evil.example'))],
  [
    'a second Host',
    refusal,
    refused(raw(() => upgrade().replace('\r\n\r\n', '\r\nHost: evil.example\r\n\r\n'))),
  ],
]

function sync(rooms: number): string {
  const entries = Array.from({ length: rooms }, (_, i) => [`r${i}`, 1] as const)
  return JSON.stringify({ type: 'sync', rooms: Object.fromEntries(entries) })
}

/** uWebSockets itself ends it. */
describe('sockets', () => {
  test.each(sockets)('%s: %s', (...entry) => expectHarmless(entry))
})

test('more than a hundred were tried, and none of them was our own failure', async () => {
  const tried = [bodies, paths, foreign, origins, wire, webhooks, ignorable, sockets].flat()
  expect(tried.length).toBeGreaterThan(100)
  const failures = app.logLines.filter(
    (line) => (JSON.parse(line) as { level: number }).level >= 50,
  )
  expect(failures).toEqual([])
  expect((await app.ask('GET', '/readyz')).body).toMatchObject({ database: 'reachable' })
  await ada.say(room, 'all is well')
  expect(await ada.get(`/api/rooms/${room.id}/call`)).toMatchObject({
    callId: join.callId,
    participants: [{ userId: ada.id, state: 'connected' }],
  })
})
