/**
 * The whole server in this process, on a free port and a database of its own: real uWebSockets, real
 * SQLite. What it answers is checked against the contract that it publishes; what it logs is kept.
 * LiveKit is away unless a test brings one: calls live by webhooks alone.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import { Agent as TlsAgent, request as requestByTls } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { AccessToken } from 'livekit-server-sdk'
import { openStore } from '../../persistence/open-store.ts'
import type { Store } from '../../persistence/store.ts'
import { startApp, type App, type AppOptions } from '../../server/app.ts'
import { loadConfig } from '../../server/config/load-config.ts'
import { createLogger } from '../../server/log.ts'
import type { Fact, Join, Room, User } from '../../server/protocol/wire.ts'
import { dumpDatabase } from './database-dump.ts'
import { openLive, type LiveClient, type LiveClientOptions } from './live-client.ts'
import { readContract, type PublishedContract } from './published-contract.ts'

export const livekitKey = 'harbour-key'
export const livekitSecret = 'harbour-secret-0123456789-0123456789'
export const goodPassword = 'correct horse battery'

export interface RunningAppOptions extends Partial<
  Pick<AppOptions, 'now' | 'wall' | 'open' | 'wrapFanOut' | 'webRoot'>
> {
  /** `CHATTO_<SECTION>_<KEY>`, over what tests want: no limits, a LiveKit that is away. */
  env?: Readonly<Record<string, string>>
  /** False: calls are off (R50). */
  calls?: boolean
  /** An earlier app's, to start again on its database. */
  folder?: string
  logLevel?: string
}

export interface Ask {
  headers?: OutgoingHttpHeaders
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, in place of `body`. */
  raw?: Buffer | string
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Parsed; undefined when it is no JSON. */
  body: unknown
}

export interface RunningApp {
  readonly url: string
  /** `127.0.0.1:…` */
  readonly host: string
  readonly port: number
  readonly folder: string
  readonly databasePath: string
  readonly setupCode: string | null
  readonly store: Store
  readonly contract: PublishedContract
  /** Everything that was logged, a JSON line each. */
  readonly logLines: string[]
  ask(method: string, path: string, ask?: Ask): Promise<Answer>
  signUp(login: string, more?: { setupCode?: string; password?: string }): Promise<Person>
  /** A signed webhook about who joined. */
  report(report: Report): Promise<Answer>
  /** A signed webhook with any body. */
  reportRaw(body: string | Buffer, headers?: OutgoingHttpHeaders): Promise<Answer>
  /** Every row of every table; what changes by itself is left out. */
  dump(): Promise<string>
  /** Ends it as an operator does, and keeps its folder. */
  stop(): Promise<void>
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

export interface Report {
  event: string
  join: Join
  /** Of LiveKit's media session; by default one for each connection. */
  sid?: string
  webhookId?: string
  roomSid?: string
  room?: string
  identity?: string
  state?: string
  reason?: string
  joinedAtMs?: number
  permission?: object
}

export interface Person {
  readonly id: string
  readonly login: string
  readonly token: string
  readonly user: User
  ask(method: string, path: string, body?: unknown): Promise<Answer>
  /** Rejects unless the answer is 2xx; gives its body. */
  get<T>(path: string): Promise<T>
  post<T>(path: string, body?: unknown): Promise<T>
  makeRoom(name: string, visibility?: 'public' | 'private'): Promise<Room>
  enter(room: Room | string): Promise<void>
  say(room: Room | string, text: string): Promise<Fact>
  join(room: Room | string, connectionId?: string): Promise<Join>
  hangUp(join: Join): Promise<void>
  live(options?: LiveClientOptions): Promise<LiveClient>
}

export async function runApp(options: RunningAppOptions = {}): Promise<RunningApp> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'chatto-app-'))
  const databasePath = join(folder, 'chatto.db')
  const env: Readonly<Record<string, string>> = {
    CHATTO_GENERAL_NAME: 'Harbour',
    CHATTO_WEBSERVER_PORT: '0',
    CHATTO_WEBSERVER_URL: 'https://chat.example',
    CHATTO_DATABASE_URL: `sqlite:${databasePath}`,
    CHATTO_LIMITS_REGISTRATIONS_PER_MINUTE: '0',
    CHATTO_LIMITS_SIGN_INS_PER_MINUTE: '0',
    CHATTO_LIMITS_REQUESTS_PER_SECOND: '0',
    CHATTO_LIMITS_JOINS_PER_MINUTE: '0',
    CHATTO_LIMITS_SOCKET_MESSAGES_PER_SECOND: '0',
    ...(options.calls === false
      ? { CHATTO_LIVEKIT_ENABLED: 'false' }
      : {
          CHATTO_LIVEKIT_URL: 'ws://127.0.0.1:1',
          CHATTO_LIVEKIT_API_KEY: livekitKey,
          CHATTO_LIVEKIT_API_SECRET: livekitSecret,
        }),
    ...options.env,
  }
  const config = loadConfig({ argv: [], cwd: folder, readFile: () => undefined, env })
  const { CHATTO_LIVEKIT_API_KEY: apiKey, CHATTO_LIVEKIT_API_SECRET: apiSecret } = env
  const logLines: string[] = []
  const log = createLogger(options.logLevel ?? 'trace', {
    write: (line: string) => void logLines.push(line),
  })
  let store: Store | null = null
  const open = options.open ?? openStore
  const app: App = await startApp({
    config,
    version: '0.0.0-test',
    webRoot: options.webRoot ?? null,
    log,
    open: async (url) => (store = await open(url)),
    ...(options.now && { now: options.now }),
    ...(options.wall && { wall: options.wall }),
    ...(options.wrapFanOut && { wrapFanOut: options.wrapFanOut }),
  })
  const opened = store as unknown as Store
  const { port } = app
  const host = `127.0.0.1:${port}`
  const byTls = config.webserver.tls.is !== 'off'
  const url = `${byTls ? 'https' : 'http'}://${host}`
  const agent = byTls
    ? new TlsAgent({ keepAlive: true, rejectUnauthorized: false })
    : new Agent({ keepAlive: true })
  let running = true

  function send(method: string, path: string, { headers, body, raw }: Ask = {}): Promise<Answer> {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    return new Promise((resolve, reject) => {
      const outgoing = (byTls ? requestByTls : request)(
        {
          host: '127.0.0.1',
          port,
          method,
          path,
          agent,
          headers: withoutUndefined({
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...(sent !== undefined && { 'content-length': Buffer.byteLength(sent) }),
            ...headers,
          }),
          timeout: 15_000,
        },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8')
            const status = incoming.statusCode ?? 0
            resolve({ status, headers: incoming.headers, text, body: parseOrNothing(text) })
          })
        },
      )
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer`)))
      outgoing.on('error', (error) => {
        // The server had hung up on a connection that nobody used for a while.
        if (outgoing.reusedSocket && 'code' in error && error.code === 'ECONNRESET') {
          resolve(
            send(method, path, {
              ...(headers && { headers }),
              body,
              ...(raw !== undefined && { raw }),
            }),
          )
        } else reject(error)
      })
      outgoing.end(sent)
    })
  }

  const contract = readContract((await send('GET', '/api/openapi.json')).body)

  async function ask(method: string, path: string, asked: Ask = {}): Promise<Answer> {
    const answer = await send(method, path, asked)
    if (/^\/(api|healthz|readyz|metrics)/.test(path)) contract.check({ method, path, ...answer })
    return answer
  }

  async function reportRaw(
    body: string | Buffer,
    headers: OutgoingHttpHeaders = {},
  ): Promise<Answer> {
    return send('POST', '/webhooks/livekit', {
      raw: body,
      headers: {
        'content-type': 'application/webhook+json',
        authorization: await signAsLivekit(body, apiKey, apiSecret),
        ...headers,
      },
    })
  }

  function toPerson(user: User, token: string): Person {
    const askAsMe = (method: string, path: string, body?: unknown) =>
      ask(method, path, { headers: { authorization: `Bearer ${token}` }, body })
    async function must<T>(method: string, path: string, body?: unknown): Promise<T> {
      const answer = await askAsMe(method, path, body)
      if (answer.status >= 200 && answer.status < 300) return answer.body as T
      throw new Error(`${user.login}: ${method} ${path} → ${answer.status} ${answer.text}`)
    }
    return {
      id: user.id,
      login: user.login,
      token,
      user,
      ask: askAsMe,
      get: (path) => must('GET', path),
      post: (path, body = {}) => must('POST', path, body),
      makeRoom: (name, visibility = 'public') => must('POST', '/api/rooms', { name, visibility }),
      async enter(room) {
        await must('PUT', `/api/rooms/${idOf(room)}/members/${user.id}`)
      },
      say: (room, text) => must('POST', `/api/rooms/${idOf(room)}/messages`, { text }),
      join: (room, connectionId) =>
        must('POST', `/api/rooms/${idOf(room)}/call/join`, connectionId ? { connectionId } : {}),
      async hangUp({ callId, connectionId, call }) {
        await must('POST', `/api/rooms/${call.roomId}/call/leave`, { callId, connectionId })
      },
      live: (options = {}) =>
        openLive(port, {
          ...options,
          headers: { authorization: `Bearer ${token}`, ...options.headers },
        }),
    }
  }

  return {
    url,
    host,
    port,
    folder,
    databasePath,
    setupCode: app.setupCode,
    store: opened,
    contract,
    logLines,
    ask,
    async signUp(login, more = {}) {
      const displayName = login.charAt(0).toUpperCase() + login.slice(1)
      const body = { login, password: goodPassword, displayName, ...more }
      const answer = await ask('POST', '/api/auth/register', { body })
      if (answer.status !== 201) throw new Error(`${login} cannot register: ${answer.text}`)
      const { user, token } = answer.body as { user: User; token: string }
      return toPerson(user, token)
    },
    report: (report) => reportRaw(JSON.stringify(toWebhook(report))),
    reportRaw,
    dump: () => dumpDatabase(databasePath),
    stop,
    async close() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }

  async function stop(): Promise<void> {
    agent.destroy()
    if (!running) return
    running = false
    await app.stop()
  }
}

/** As LiveKit's own SDK signs. */
export async function signAsLivekit(
  body: string | Buffer,
  apiKey = livekitKey,
  apiSecret = livekitSecret,
): Promise<string> {
  const token = new AccessToken(apiKey, apiSecret, { ttl: 300 })
  token.sha256 = createHash('sha256').update(body).digest('base64')
  return token.toJwt()
}

/** What LiveKit would post; identity and room are in the token that the person was given. */
export function toWebhook(report: Report): object {
  const { event, join, sid = `PA_${join.connectionId}`, roomSid = 'RM_1' } = report
  const { sub, video } = decodeJwt<{ video: { room: string } }>(join.token)
  return {
    event,
    id: report.webhookId ?? `EV_${randomUUID()}`,
    createdAt: String(Math.floor(Date.now() / 1000)),
    room: { sid: roomSid, name: report.room ?? video.room, turnPassword: 'turn-password-of-room' },
    ...(event.startsWith('participant') && {
      participant: {
        sid,
        identity: report.identity ?? sub,
        state: report.state ?? (event === 'participant_joined' ? 'ACTIVE' : 'DISCONNECTED'),
        joinedAtMs: String(report.joinedAtMs ?? Date.now()),
        permission: report.permission ?? { canPublish: true, canSubscribe: true },
        ...(report.reason && { disconnectReason: report.reason }),
      },
    }),
  }
}

const withoutUndefined = (headers: OutgoingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))

const idOf = (room: Room | string) => (typeof room === 'string' ? room : room.id)

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
