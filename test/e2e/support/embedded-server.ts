/**
 * The built server as people start it, with the media server inside: in a folder of its own, on a
 * port that stays. The web process and the media process can be killed, each for itself.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findFreePort } from '../../support/free-port.ts'
import { until } from '../../support/until.ts'

/** `npm run test:e2e` builds them; whoever works on the sources meanwhile names copies. */
const program = process.env['CHATTO_PROGRAM'] ?? resolve('dist/program/server/main.js')
const webRoot = process.env['CHATTO_WEB_ROOT'] ?? resolve('dist/web')

const startTimeoutMs = 120_000

export interface EmbeddedServer {
  readonly url: string
  readonly folder: string
  /** Everything that it said so far, over all its lives. */
  readonly output: string
  /** Of the media process that was last found or started. */
  readonly mediaPid: number
  /** What `chatto.toml` says now. */
  readonly configuration: string
  start(): Promise<void>
  /** kill -9 of the web process; the media process stays. */
  kill(): Promise<void>
  /** kill -9 of the media process; the web process stays. */
  killMedia(): void
  dispose(): Promise<void>
}

export interface EmbeddedServerOptions {
  /** Of `chatto.toml`; left out, there is none and this is a first run. */
  configuration?: (port: number) => string
  /** As browsers reach it, when it is not by loopback's number. */
  url?: (port: number) => string
}

/** Started. */
export async function startEmbeddedServer({
  configuration,
  url = (port) => `http://127.0.0.1:${port}`,
}: EmbeddedServerOptions = {}): Promise<EmbeddedServer> {
  if (!existsSync(program)) throw new Error(`${program} is not built: npm run build`)
  const folder = mkdtempSync(join(tmpdir(), 'chatto-embedded-'))
  const port = await findFreePort()
  const toml = join(folder, 'chatto.toml')
  if (configuration) writeFileSync(toml, configuration(port))
  let child: ChildProcess | null = null
  let output = ''

  function mediaPids(): number[] {
    const lines = output.split('\n').filter((line) => line.includes('"mediaPid"'))
    return lines.flatMap((line) => {
      const { mediaPid, msg } = JSON.parse(line) as { mediaPid: number; msg: string }
      return msg === 'the media process carries calls' ? [mediaPid] : []
    })
  }

  async function start(): Promise<void> {
    const started = spawn(process.execPath, [program], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        CHATTO_WEB_ROOT: webRoot,
        CHATTO_WEBSERVER_PORT: String(port),
        // Tests ask more often than people.
        CHATTO_LIMITS_REQUESTS_PER_SECOND: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    let said = ''
    const take = (chunk: Buffer) => {
      said += chunk.toString()
      output += chunk.toString()
    }
    started.stdout.on('data', take)
    started.stderr.on('data', take)
    await until('the server is on', startTimeoutMs, () => {
      if (started.exitCode !== null) throw new Error(`the server did not start:\n${said}`)
      return said.includes('Chatto Calls is on:')
    })
  }

  async function kill(): Promise<void> {
    const running = child
    child = null
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise((resolved) => running.once('exit', resolved))
    running.kill('SIGKILL')
    await ended
  }

  const server: EmbeddedServer = {
    url: url(port),
    folder,
    get output() {
      return output
    },
    get mediaPid() {
      const pid = mediaPids().at(-1)
      if (pid === undefined) throw new Error(`no media process was told of:\n${output}`)
      return pid
    },
    get configuration() {
      return readFileSync(toml, 'utf8')
    },
    start,
    kill,
    killMedia() {
      process.kill(server.mediaPid, 'SIGKILL')
    },
    async dispose() {
      process.removeListener('exit', endNow)
      await kill()
      endMedia()
      rmSync(folder, { recursive: true, force: true })
    },
  }

  function endMedia(): void {
    const pid = mediaPids().at(-1)
    if (pid === undefined) return
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
  function endNow(): void {
    child?.kill('SIGKILL')
    endMedia()
  }
  process.once('exit', endNow)

  try {
    await start()
  } catch (error) {
    await server.dispose()
    throw error
  }
  return server
}
