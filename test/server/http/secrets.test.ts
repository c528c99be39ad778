/**
 * R5: known secrets are planted, a whole life is lived, and then they are looked for, raw and in
 * every common encoding, in logs, answers, socket messages, metrics, assets and the database's files.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import sqlite3 from 'sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Join } from '../../../server/protocol/wire.ts'
import { openLive, type LiveClient } from '../../support/live-client.ts'
import { runApp, type Answer, type Person, type RunningApp } from '../../support/running-app.ts'
import { sendRaw } from '../../support/raw-http.ts'

const apiSecret = `api-secret/${randomBytes(24).toString('base64')}`
const keyEncryptionKey = randomBytes(32)
const metricsToken = `metrics+${randomBytes(18).toString('base64')}`
const password = `pass word ${randomBytes(9).toString('base64')}`
const wrongPassword = `wrong pass ${randomBytes(9).toString('base64')}`
const turnPassword = 'turn-password-of-room'

let app: RunningApp
let folder: string
let ada: Person
let bo: Person
let joins: Join[]
let rotatedKey: string
let live: { ada: LiveClient; bo: LiveClient; cleo: LiveClient }
/** Of everybody, with who was asked for it. */
const answers: { what: string; answer: Pick<Answer, 'text' | 'headers'> }[] = []
let files: Buffer
let logs: string

beforeAll(async () => {
  folder = mkdtempSync(joinPath(tmpdir(), 'chatto-secrets-'))
  const webRoot = joinPath(folder, 'web')
  mkdirSync(joinPath(webRoot, 'assets'), { recursive: true })
  writeFileSync(joinPath(webRoot, 'index.html'), '<!doctype html><script nonce="__CSP_NONCE__">')
  writeFileSync(joinPath(webRoot, 'assets/app-1a2b.js'), 'export {}')
  let isBroken = false
  app = await runApp({
    logLevel: 'trace',
    webRoot,
    env: {
      CHATTO_LIVEKIT_API_SECRET: apiSecret,
      CHATTO_SECURITY_KEY_ENCRYPTION_KEY: keyEncryptionKey.toString('base64'),
      CHATTO_METRICS_TOKEN: metricsToken,
      CHATTO_WEBSERVER_HOST: '0.0.0.0',
    },
    wrapFanOut: (fanOut) => ({
      ...fanOut,
      committed(roomId, facts, version) {
        if (isBroken) throw new Error('the publisher is broken')
        fanOut.committed(roomId, facts, version)
      },
    }),
  })
  const { store } = app
  const ask = async (what: string, asked: Promise<Answer>) => {
    const answer = await asked
    answers.push({ what, answer })
    return answer
  }
  const as = (person: Person | null, method: string, path: string, body?: unknown, headers = {}) =>
    ask(
      `${method} ${path}`,
      app.ask(method, path, {
        ...(body !== undefined && { body }),
        headers: { ...(person && { authorization: `Bearer ${person.token}` }), ...headers },
      }),
    )

  // A life without accidents
  const body = { login: 'ada', password }
  await as(null, 'POST', '/api/auth/register', { ...body, setupCode: 'not it' })
  ada = await app.signUp('ada', { setupCode: app.setupCode ?? '', password })
  bo = await app.signUp('bo', { password })
  const cleo = await app.signUp('cleo', { password })
  const room = await ada.makeRoom('Bridge')
  for (const person of [bo, cleo]) await person.enter(room)
  live = { ada: await ada.live(), bo: await bo.live(), cleo: await cleo.live() }
  const at = `/api/rooms/${room.id}`
  joins = [
    await ada.join(room, 'page-a'),
    await bo.join(room, 'page-b'),
    await ada.join(room, 'page-c'),
  ]
  for (const join of joins) await app.report({ event: 'participant_joined', join })
  await ada.say(room, 'hello')
  for (const person of [ada, bo, cleo]) {
    for (const path of ['', '/members', '/timeline', '/call']) await as(person, 'GET', at + path)
    await as(person, 'GET', '/api/rooms')
    await as(person, 'GET', '/api/calls')
    await as(person, 'GET', '/api/me')
    await as(person, 'GET', '/api/users')
  }

  // Errors of theirs
  await as(null, 'POST', '/api/auth/login', { login: 'ada', password: wrongPassword })
  await as(null, 'POST', '/api/auth/login', { login: 'ada', password: { password } })
  await as(null, 'POST', '/api/auth/login', { login: password, password: 1, [password]: 1 })
  await as(null, 'POST', '/api/auth/register', body)
  await as(ada, 'DELETE', '/api/me', { password: wrongPassword })
  await as(ada, 'GET', `/api/rooms/${ada.token}`)
  await as(ada, 'GET', `/api/nothing/${ada.token}?token=${ada.token}`)
  await as(null, 'GET', '/metrics', undefined, { 'x-forwarded-for': '1.2.3.4' })
  await as(null, 'GET', '/metrics', undefined, {
    'x-forwarded-for': '1.2.3.4',
    authorization: `Bearer ${metricsToken}`,
  })
  await as(null, 'GET', '/metrics')
  await as(ada, 'POST', `${at}/call/join`, { connectionId: 'a:b', token: joins[0]?.token })
  await app.reportRaw(JSON.stringify({ token: joins[0]?.token, turnPassword }))
  await app.reportRaw('{}', { authorization: joins[0]?.token })
  await app.reportRaw('{}', { authorization: `Bearer ${apiSecret}` })
  await sendRaw(
    app.port,
    `GET /api/me HTTP/1.1\r\nHost: evil\r\nAuthorization: Bearer ${ada.token}\r\n\r\n`,
  )
  const stranger = await openLive(app.port, {
    unwelcome: true,
    headers: { authorization: `Bearer ${joins[0]?.token}` },
  })
  await stranger.closed
  for (let i = 0; i < 5; i++) live.cleo.say({ type: 'sync', token: cleo.token, password })
  await live.cleo.closed

  // Errors of ours
  const { commit } = store.rooms
  store.rooms.commit = () => Promise.reject(new Error('disk full'))
  await as(bo, 'POST', `${at}/call/join`, { connectionId: 'page-d' })
  await app.report({ event: 'participant_left', join: joins[1] as Join })
  store.rooms.commit = commit
  isBroken = true
  await as(bo, 'POST', `${at}/call/join`, { connectionId: 'page-e' })
  isBroken = false
  const { findSession } = store.accounts
  store.accounts.findSession = () => Promise.reject(new Error('the database is away'))
  await as(bo, 'GET', '/api/me')
  store.accounts.findSession = findSession
  await whileLocked(app, () => as(bo, 'POST', '/api/auth/login', { login: 'bo', password }))

  // A rotation, and the end
  await as(ada, 'DELETE', `${at}/members/${bo.id}`)
  rotatedKey = (await live.ada.until('key')).e2eeKey
  await as(ada, 'GET', '/api/admin/health')
  await as(ada, 'GET', '/api/admin/ignored')
  for (const path of [
    '/',
    '/assets/app-1a2b.js',
    '/healthz',
    '/readyz',
    '/api/config',
    '/api/openapi.json',
  ]) {
    await as(null, 'GET', path)
  }
  files = readDatabase(app)
  await as(ada, 'POST', '/api/auth/logout')
  logs = app.logLines.join('')
}, 60_000)

afterAll(async () => {
  await app.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Another process holds the database's lock for longer than ours waits. */
async function whileLocked(app: RunningApp, work: () => Promise<unknown>): Promise<void> {
  const database = new sqlite3.Database(app.databasePath)
  const run = (sql: string) =>
    new Promise<void>((resolve, reject) => {
      database.exec(sql, (error) => (error ? reject(error) : resolve()))
    })
  await run('begin immediate')
  try {
    await work()
  } finally {
    await run('rollback')
    await new Promise<void>((resolve) => database.close(() => resolve()))
  }
}

function readDatabase({ folder, databasePath }: RunningApp): Buffer {
  const names = readdirSync(folder).filter((name) =>
    joinPath(folder, name).startsWith(databasePath),
  )
  expect(names).toContain('chatto.db-wal')
  return Buffer.concat(names.map((name) => readFileSync(joinPath(folder, name))))
}

/** As it is, base64, base64url, hex, percent-encoded, JSON-escaped; for bytes and for text. */
function disguisesOf(secret: string | Buffer): string[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  return [
    ...(typeof secret === 'string'
      ? [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]
      : [bytes.toString('latin1')]),
    hex,
    hex.toUpperCase(),
    ...['base64', 'base64url'].map((encoding) =>
      bytes.toString(encoding as 'base64').replace(/=+$/, ''),
    ),
  ]
}

const findIn = (place: string | Buffer, secret: string | Buffer) => {
  const text = typeof place === 'string' ? place : place.toString('latin1')
  return disguisesOf(secret).filter((disguise) => text.includes(disguise))
}

/** The keys of the call: what people are given, and its bytes. */
const callKeys = () =>
  [...joins.map(({ e2eeKey }) => e2eeKey), rotatedKey].flatMap((key) => [
    key,
    Buffer.from(key, 'base64'),
  ])
const serverSecrets = () => ({
  'the API secret': [apiSecret],
  'the key-encryption key': [keyEncryptionKey, keyEncryptionKey.toString('base64')],
  'the metrics token': [metricsToken],
  'the setup code': [app.setupCode ?? ''],
  passwords: [password, wrongPassword],
  'the TURN password of LiveKit’s room': [turnPassword],
})
const peoplesSecrets = () => ({
  'session tokens': [ada.token, bo.token],
  'LiveKit tokens': joins.map(({ token }) => token),
  'their signatures': joins.map(({ token }) => token.split('.')[2] ?? ''),
  'call keys': callKeys(),
})
const everySecret = () => ({ ...serverSecrets(), ...peoplesSecrets() })

function expectNowhere(place: string | Buffer, secrets: Record<string, (string | Buffer)[]>): void {
  for (const [what, kinds] of Object.entries(secrets)) {
    expect([what, kinds.flatMap((secret) => findIn(place, secret))]).toEqual([what, []])
  }
}

test('the search finds what is there: it is not blind', () => {
  const place = `x${encodeURIComponent(apiSecret)}y${keyEncryptionKey.toString('hex')}z`
  expect(findIn(place, apiSecret)).not.toEqual([])
  expect(findIn(place, keyEncryptionKey)).not.toEqual([])
  expect(logs.length).toBeGreaterThan(5_000)
  expect(answers.length).toBeGreaterThan(40)
  expect(
    answers.filter(({ answer }) => answer.text.includes('"unavailable"')).length,
  ).toBeGreaterThan(2)
})

describe('R5', () => {
  test('no secret is in a log, of any level, whatever went wrong', () => {
    expectNowhere(logs, everySecret())
    const hashes = [ada.token, bo.token].map((token) => createHash('sha256').update(token).digest())
    expectNowhere(logs, { 'hashes of tokens': hashes, 'hashes of passwords': ['$argon2'] })
  })

  test('R41 none is in the database, its journal or its index: tokens and passwords as hashes, keys sealed', () => {
    expectNowhere(files, everySecret())
    expect(files.includes(createHash('sha256').update(ada.token).digest('hex'))).toBe(true)
    expect(files.includes('$argon2id$')).toBe(true)
  })

  test('none is in an answer, a metric, a page or an asset, but those that are for who asked', () => {
    const ofOthers = answers.filter(({ what }) => !/auth\/login|call\/join/.test(what))
    for (const { what, answer } of ofOthers) {
      const place = `${what.split(' ')[0]}${JSON.stringify(answer.headers)}${answer.text}`
      expectNowhere(place, everySecret())
    }
    for (const { answer } of answers) {
      expectNowhere(`${JSON.stringify(answer.headers)}${answer.text}`, serverSecrets())
    }
  })

  test('a join gives its own token and key, and no other secret', () => {
    for (const join of joins) {
      const others = joins.filter((other) => other !== join).map(({ token }) => token)
      expectNowhere(JSON.stringify(join), {
        ...serverSecrets(),
        'tokens of others': others,
        sessions: [ada.token, bo.token],
        'later keys': [rotatedKey],
      })
    }
  })

  test('none is in a socket’s message but the rotated key, to who is in the call', () => {
    const { 'call keys': keys = [], ...rest } = everySecret()
    for (const socket of Object.values(live)) expectNowhere(socket.texts.join('\n'), rest)
    for (const socket of [live.bo, live.cleo]) {
      expectNowhere(socket.texts.join('\n'), { 'call keys': keys })
    }
    const carriers = live.ada.texts.filter((text) => findIn(text, rotatedKey).length > 0)
    expect(carriers.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual(['key'])
    expectNowhere(live.ada.texts.join('\n'), { 'the first key': [joins[0]?.e2eeKey ?? ''] })
  })

  test('steps and snapshots hold no secret, nor do facts', async () => {
    const rows = await app.dump()
    expectNowhere(rows, everySecret())
    const { callId } = joins[0] as Join
    expectNowhere(JSON.stringify(await app.store.calls.steps(callId, 0, 1_000)), everySecret())
  })
})
