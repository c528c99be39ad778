/**
 * The server as a process of its own, on a port of 127.0.0.1 that stays over restarts, with a folder
 * of its own: it can be killed (-9), stopped (SIGTERM) and started again on the same database.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { findFreePort } from './free-port.ts'
import { serverProgram } from './server-program.ts'
import { apiKey, apiSecret } from './webhook-token.ts'

const startTimeoutMs = 30_000
const stopTimeoutMs = 15_000

/** Where `fragile-server.ts` dies: in the commit that holds such a fact. */
export interface DeathOrder {
  at: 'before the commit' | 'after the commit' | 'after the publication' | 'answers are held'
  /** A type of fact; any other commit is left alone. */
  fact: string
}

export interface ServerOptions {
  /** `fragile`: with the decorated store and publisher; else `server/main.ts` as it is shipped. */
  program?: 'main' | 'fragile'
  /** SQLite in the folder by default. */
  databaseUrl?: string
  /** Nobody listens there by default; null: calls are off. */
  livekit?: { url: string; apiKey: string; apiSecret: string } | null
  /** A port chosen beforehand: LiveKit has to know where its webhooks go. */
  port?: number
  /** Where it is started; its own folder when left out. */
  cwd?: string
  args?: string[]
  /** More of the configuration: `{ CHATTO_CALLS_DOUBT_S: '2' }`. */
  env?: Record<string, string>
}

export interface ServerProcess {
  readonly url: string
  /** Of its present life. */
  readonly pid: number
  /** Holds the database and whatever else the server writes. */
  readonly folder: string
  readonly livekit: { apiKey: string; apiSecret: string }
  /** Everything that it said so far, over all its lives. */
  readonly output: string
  /** Starts it, at first or again; `env` stays for the lives after this one. Rejects when it does not come up. */
  start(env?: Record<string, string>): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** SIGTERM; gives the exit code and how long it took. */
  terminate(): Promise<{ code: number | null; tookMs: number }>
  /** Resolves when the process is gone by itself. */
  gone(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** For `fragile` only. */
  orderDeath(order: DeathOrder): Promise<void>
  /** `performance.now()` at which it said that it listens. */
  readonly listeningAt: number
  /** Ends it for good and removes its folder. */
  dispose(): Promise<void>
}

/** Those of `npm start`, and positions in our own files for what fails. */
const nodeFlags = ['--enable-source-maps', ...(packageJson.scripts.start.match(/--\S+/g) ?? [])]

/** Not started yet. */
export async function prepareServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const { program = 'main' } = options
  const folder = mkdtempSync(join(tmpdir(), 'chatto-server-'))
  const port = options.port ?? (await findFreePort())
  const unreachable = { url: 'ws://127.0.0.1:9', apiKey, apiSecret }
  const livekit = options.livekit === undefined ? unreachable : options.livekit
  let env: Record<string, string> = {
    CHATTO_DATABASE_URL: options.databaseUrl ?? `sqlite:${join(folder, 'chatto.db')}`,
    CHATTO_WEBSERVER_PORT: String(port),
    CHATTO_LIMITS_REGISTRATIONS_PER_MINUTE: '0',
    CHATTO_LIMITS_SIGN_INS_PER_MINUTE: '0',
    CHATTO_LIMITS_REQUESTS_PER_SECOND: '0',
    CHATTO_LIMITS_JOINS_PER_MINUTE: '0',
    ...(livekit
      ? {
          CHATTO_LIVEKIT_URL: livekit.url,
          CHATTO_LIVEKIT_API_KEY: livekit.apiKey,
          CHATTO_LIVEKIT_API_SECRET: livekit.apiSecret,
        }
      : { CHATTO_LIVEKIT_ENABLED: 'false' }),
    ...options.env,
  }
  const entry = await serverProgram(program)
  let child: ChildProcess | null = null
  let ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }> = Promise.resolve({
    code: null,
    signal: null,
  })
  let output = ''
  let listeningAt = 0

  const killNow = () => child?.kill('SIGKILL')
  process.once('exit', killNow)

  async function start(more: Record<string, string> = {}): Promise<void> {
    if (child) throw new Error('the server runs already')
    env = { ...env, ...more }
    const started = spawn(process.execPath, [...nodeFlags, entry, ...(options.args ?? [])], {
      cwd: options.cwd ?? folder,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    child = started
    let said = ''
    ended = new Promise((resolve) => {
      started.once('exit', (code, signal) => {
        if (child === started) child = null
        resolve({ code, signal })
      })
    })
    const listening = new Promise<void>((resolve) => {
      const take = (chunk: Buffer) => {
        said += chunk.toString()
        output += chunk.toString()
        if (listeningAt !== 0 || !said.includes('Chatto Calls is on:')) return
        listeningAt = performance.now()
        resolve()
      }
      started.stdout?.on('data', take)
      started.stderr?.on('data', take)
    })
    listeningAt = 0
    await inTime('the server listens', startTimeoutMs, async () => {
      const first = await Promise.race([listening, ended])
      if (first) throw new Error(`the server did not start:\n${said}`)
    })
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    child?.kill(signal)
    await inTime('the server ends', stopTimeoutMs, () => ended)
  }

  return {
    url: `http://127.0.0.1:${port}`,
    get pid() {
      if (child?.pid === undefined) throw new Error('the server does not run')
      return child.pid
    },
    folder,
    livekit: livekit ?? unreachable,
    get output() {
      return output
    },
    get listeningAt() {
      return listeningAt
    },
    start,
    kill: () => end('SIGKILL'),
    async terminate() {
      const before = performance.now()
      await end('SIGTERM')
      return { code: (await ended).code, tookMs: performance.now() - before }
    },
    gone: () => inTime('the server is gone', stopTimeoutMs, () => ended),
    async orderDeath(order) {
      const running = child
      if (!running) throw new Error('the server does not run')
      const heard = new Promise((resolve) => running.once('message', resolve))
      running.send(order)
      await inTime('the server knows where to die', stopTimeoutMs, () => heard)
    },
    async dispose() {
      await end('SIGKILL')
      // What it logged as an error is the first thing that whoever reads a failed test wants.
      const errors = output.split('\n').filter((line) => line.startsWith('{"level":50'))
      if (errors.length > 0) console.warn(`errors of the server:\n${errors.join('\n')}`)
      process.removeListener('exit', killNow)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Started. */
export async function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const server = await prepareServer(options)
  await server.start()
  return server
}

async function inTime<T>(what: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${timeoutMs} ms in vain: ${what}`))
    }, timeoutMs)
  })
  try {
    return await Promise.race([work(), timeout])
  } finally {
    clearTimeout(timer)
  }
}
