/**
 * The embedded media server for tests, with the same handle as livekit-server's: a web process that
 * carries it and its real media process, on free ports of 127.0.0.1, nothing left when it is disposed.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultMediaConfig } from '../../server/media/link/media-config.ts'
import type { FromWeb, ToWeb, WebSettings } from './embedded-media-web.ts'
import type { LivekitServer } from './livekit-server.ts'
import { until } from './until.ts'

const startTimeoutMs = 60_000
const stopTimeoutMs = 10_000

export interface EmbeddedMediaOptions {
  /** None: reports go nowhere. */
  webhookUrls?: string[]
  /** PEM that the webhook sender believes. */
  webhookCertificate?: string
  emptyTimeoutS?: number
  departureTimeoutS?: number
  maxParticipants?: number
  /** Any free one when left out. */
  udpPorts?: { from: number; to: number }
}

export interface EmbeddedMedia extends LivekitServer {
  /** Of the process that has the UDP ports; another one after it was killed. */
  readonly mediaPid: number
  readonly webPid: number
  readonly folder: string
  /** The web process as `kill -9` ends it; media goes on. */
  killWeb(): Promise<void>
  /** As an operator stops it: media goes on for a minute while a call is on. */
  stopWeb(): Promise<void>
  /** With other settings when there are any. */
  startWeb(changed?: Partial<Pick<WebSettings, 'version' | 'apiSecret'>>): Promise<void>
  /** Resolves when another media process carries on. */
  killMedia(): Promise<void>
}

export async function startEmbeddedMedia(
  options: EmbeddedMediaOptions = {},
): Promise<EmbeddedMedia> {
  const folder = mkdtempSync(join(tmpdir(), 'chatto-embedded-'))
  const { times, maxParticipants } = defaultMediaConfig()
  let settings: WebSettings = {
    port: await freePort(),
    folder,
    version: '1',
    apiKey: 'testkey',
    apiSecret: 'a-secret-of-tests-only-0123456789',
    media: {
      addresses: ['127.0.0.1'],
      udpPorts: options.udpPorts ?? { from: 0, to: 0 },
      maxParticipants: options.maxParticipants ?? maxParticipants,
      times: {
        ...times,
        emptyTimeoutS: options.emptyTimeoutS ?? 30,
        departureTimeoutS: options.departureTimeoutS ?? 5,
      },
    },
    webhooks: {
      urls: options.webhookUrls ?? [],
      certificate: options.webhookCertificate ?? null,
    },
  }
  let web: WebProcess | null = null
  let log = ''
  /** Also of a media process that goes on without a web process. */
  let lastMediaPid = 0
  const mediaPid = () => web?.mediaPid ?? 0

  async function startWeb(changed: Partial<WebSettings> = {}): Promise<void> {
    settings = { ...settings, ...changed }
    web = startWebProcess(settings, (text) => {
      log = `${log}${text}`.slice(-40_000)
    })
    try {
      await until('the media process carries calls', startTimeoutMs, () => {
        if (web?.failed) throw new Error(`${web.failed}\n${log}`)
        lastMediaPid = mediaPid() || lastMediaPid
        return mediaPid() !== 0
      })
    } catch (error) {
      await endWeb('SIGKILL')
      throw error
    }
  }

  async function endWeb(how: 'SIGKILL' | 'stop' | 'end'): Promise<void> {
    const ending = web
    web = null
    await ending?.end(how)
  }

  const media: EmbeddedMedia = {
    url: `ws://127.0.0.1:${settings.port}/livekit`,
    apiKey: settings.apiKey,
    apiSecret: settings.apiSecret,
    folder,
    get mediaPid() {
      return mediaPid()
    },
    get webPid() {
      return web?.pid ?? 0
    },
    get log() {
      return `${log}\n${readIfThere(join(folder, 'media', 'media.log'))}`
    },
    stop: () => endWeb('end'),
    async kill() {
      lastMediaPid = mediaPid() || lastMediaPid
      await endWeb('SIGKILL')
      await killProcess(lastMediaPid)
    },
    restart: () => startWeb(),
    async dispose() {
      lastMediaPid = mediaPid() || lastMediaPid
      await endWeb('end')
      await killProcess(lastMediaPid)
      rmSync(folder, { recursive: true, force: true })
    },
    killWeb: () => endWeb('SIGKILL'),
    stopWeb: () => endWeb('stop'),
    startWeb,
    async killMedia() {
      const before = mediaPid()
      await killProcess(before)
      await until('another media process carries calls', startTimeoutMs, () => {
        return mediaPid() !== 0 && mediaPid() !== before
      })
      lastMediaPid = mediaPid()
    },
  }
  try {
    await startWeb()
    return media
  } catch (error) {
    await media.dispose()
    throw error
  }
}

interface WebProcess {
  readonly pid: number
  /** 0 until media can flow. */
  readonly mediaPid: number
  readonly failed: string | null
  end(how: 'SIGKILL' | 'stop' | 'end'): Promise<void>
}

function startWebProcess(settings: WebSettings, keep: (text: string) => void): WebProcess {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'embedded-media-web.ts')
  const child = fork(script, [], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let mediaPid = 0
  let failed: string | null = null
  const say = (message: ToWeb) => child.connected && child.send(message)
  child.stdout?.on('data', (chunk: Buffer) => keep(chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => keep(chunk.toString()))
  child.on('message', (message: FromWeb) => {
    if ('up' in message) mediaPid = message.up.mediaPid
    else failed = message.failed
  })
  child.once('exit', (code) => {
    failed ??= `the web process ended with ${String(code)}`
  })
  const killNow = () => child.kill('SIGKILL')
  process.once('exit', killNow)
  say({ settings })
  return {
    pid: child.pid ?? 0,
    get mediaPid() {
      return mediaPid
    },
    get failed() {
      return failed
    },
    async end(how) {
      process.removeListener('exit', killNow)
      const gone = untilExit(child)
      if (how === 'SIGKILL') child.kill('SIGKILL')
      else say(how)
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
      await gone
      clearTimeout(timer)
      if (how === 'end') await untilProcessIsGone(mediaPid)
    },
  }
}

function untilExit(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

async function killProcess(pid: number): Promise<void> {
  if (pid !== 0 && isRunning(pid)) process.kill(pid, 'SIGKILL')
  await untilProcessIsGone(pid)
}

export function untilProcessIsGone(pid: number): Promise<unknown> {
  return until(`process ${pid} is gone`, stopTimeoutMs, () => pid === 0 || !isRunning(pid))
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // Killed, but its parent has not asked for it: on Linux it says so.
  return !/^State:\s*Z/m.test(readIfThere(`/proc/${pid}/status`))
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address && typeof address === 'object') resolve(address.port)
        else reject(new Error('no free port'))
      })
    })
  })
}
