/**
 * The built server as a process of its own, on a free port and with a folder of its own. With a
 * `livekit`, calls are on; without, they are off.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fetchOk, until } from '../../support/until.ts'

export interface LivekitOfServer {
  /** As browsers reach it: `ws://127.0.0.1:7880`. */
  url: string
  apiKey: string
  apiSecret: string
}

export interface ServerOptions {
  name?: string
  livekit?: LivekitOfServer
  /** More lines of chatto.toml. */
  more?: string
  /** A free one when it is left out; LiveKit's webhook needs it beforehand. */
  port?: number
}

export interface TestServer {
  url: string
  port: number
  /** What it has printed so far. */
  output(): string
  /** Ends the process as a crash or a deploy would, and starts it anew on the same data. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const startsWithinMs = 30_000
const stopsWithinMs = 12_000

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'chatto-e2e-'))
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const config = join(folder, 'chatto.toml')
  writeFileSync(config, toml(options, port, url))
  let output = ''
  let running: ChildProcess

  async function start(): Promise<void> {
    running = spawn(process.execPath, ['dist/program/server/main.js', '--config', config], {
      env: { ...process.env, CHATTO_WEB_ROOT: resolve('dist/web'), CHATTO_LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [running.stdout, running.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
    }
    await until(`the server starts:\n${output}`, startsWithinMs, () => {
      if (running.exitCode !== null) throw new Error(`the server ended at once:\n${output}`)
      return fetchOk(`${url}/healthz`)
    })
  }

  async function end(): Promise<void> {
    running.kill('SIGTERM')
    await until('the server ends', stopsWithinMs, () => running.exitCode ?? running.signalCode)
  }

  await start()
  return {
    url,
    port,
    output: () => output,
    async restart() {
      await end()
      await start()
    },
    async stop() {
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function toml({ name = 'Harbour', livekit, more = '' }: ServerOptions, port: number, url: string) {
  return [
    `[general]\nname = '${name}'`,
    `[webserver]\nurl = '${url}'\nhost = '127.0.0.1'\nport = ${port}`,
    // Many people register from one address here.
    `[limits]\nregistrations_per_minute = 0\nsign_ins_per_minute = 0`,
    livekit
      ? `[livekit]\nurl = '${livekit.url}'\napi_key = '${livekit.apiKey}'\napi_secret = '${livekit.apiSecret}'`
      : '',
    more,
  ].join('\n\n')
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((listening) => probe.listen(0, '127.0.0.1', listening))
  const address = probe.address()
  await new Promise((closed) => probe.close(closed))
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return address.port
}
