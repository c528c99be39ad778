/**
 * A throwaway livekit-server for tests: free ports of 127.0.0.1 only, its own folder, nothing of it
 * left when it is stopped. It can be killed and started again on the same ports.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fetchOk, until } from './until.ts'

const startTimeoutMs = 20_000
/** A graceful end waits for everybody to leave; a test does not. */
const stopTimeoutMs = 2_000

export interface LivekitServerOptions {
  /** None: as it is when nobody told LiveKit where to report to (R38). */
  webhookUrls?: string[]
  /** `--dev`: LiveKit's own `devkey` and `secret` in place of ours. */
  dev?: boolean
  /** False: a room has to be made before anybody comes in. */
  autoCreate?: boolean
  emptyTimeoutS?: number
  departureTimeoutS?: number
}

export interface LivekitServer {
  /** `ws://127.0.0.1:…` */
  readonly url: string
  readonly apiKey: string
  readonly apiSecret: string
  /** Ends as it would be ended by an operator: who is connected is told. */
  stop(): Promise<void>
  /** Ends as by a power cut: nobody is told anything. */
  kill(): Promise<void>
  /** Starts again on the same ports after `stop` or `kill`. Rooms and sessions are forgotten. */
  restart(): Promise<void>
  /** Stops it for good and removes its folder. */
  dispose(): Promise<void>
  /** The end of its log, for a test that failed. */
  readonly log: string
}

/** The program's path, or why tests with it are skipped. In CI nothing is skipped: it throws. */
export function findLivekitServer(): { path: string } | { missing: string } {
  const goPath = process.env['GOPATH'] ?? join(homedir(), 'go')
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(goPath, 'bin')]
  for (const name of ['livekit-server', 'server']) {
    for (const folder of folders) {
      const path = join(folder, name)
      if (folder !== '' && isLivekit(path)) return { path }
    }
  }
  const missing =
    'livekit-server is neither in PATH nor in ~/go/bin; install it with ' +
    'CGO_ENABLED=0 go install github.com/livekit/livekit-server/cmd/server@v1.13.5'
  if (process.env['CI']) throw new Error(missing)
  return { missing }
}

/** Many programs are called `server`. */
function isLivekit(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    const version = execFileSync(path, ['--version'], {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return version.includes('livekit-server')
  } catch {
    return false
  }
}

export async function startLivekitServer(
  options: LivekitServerOptions = {},
): Promise<LivekitServer> {
  const found = findLivekitServer()
  if ('missing' in found) throw new Error(found.missing)
  const folder = mkdtempSync(join(tmpdir(), 'chatto-livekit-'))
  try {
    for (let attempt = 1; ; attempt += 1) {
      const ports = await findPorts()
      const keys = options.dev
        ? { apiKey: 'devkey', apiSecret: 'secret' }
        : { apiKey: 'testkey', apiSecret: 'a-secret-of-tests-only-0123456789' }
      const file = join(folder, 'livekit.json')
      // JSON is YAML, too.
      writeFileSync(file, JSON.stringify(toConfig(ports, keys, options)))
      const program = new Program(found.path, options.dev ? ['--dev'] : [], file, ports.http)
      try {
        await program.start()
        return toServer(program, `ws://127.0.0.1:${ports.http}`, keys, folder)
      } catch (error) {
        // Somebody else took a port meanwhile.
        if (attempt === 5) throw error
      }
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

interface Ports {
  http: number
  tcp: number
  udp: number
}
interface Keys {
  apiKey: string
  apiSecret: string
}

function toConfig({ http, tcp, udp }: Ports, keys: Keys, options: LivekitServerOptions) {
  return {
    port: http,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      tcp_port: tcp,
      udp_port: udp,
      use_external_ip: false,
      node_ip: '127.0.0.1',
      enable_loopback_candidate: true,
      interfaces: { includes: ['lo'] },
      // Empty would send public servers to the clients; nobody listens here.
      stun_servers: [`127.0.0.1:${udp}`],
    },
    room: {
      ...(options.autoCreate === false && { auto_create: false }),
      empty_timeout: options.emptyTimeoutS ?? 30,
      departure_timeout: options.departureTimeoutS ?? 5,
    },
    logging: { level: 'info' },
    ...(options.dev ? {} : { keys: { [keys.apiKey]: keys.apiSecret } }),
    ...(options.webhookUrls && options.webhookUrls.length > 0
      ? { webhook: { api_key: keys.apiKey, urls: options.webhookUrls } }
      : {}),
  }
}

/** One running livekit-server, or the lack of it. */
class Program {
  log = ''
  readonly #path: string
  readonly #args: string[]
  readonly #port: number
  #child: ChildProcess | null = null

  constructor(path: string, flags: string[], configFile: string, port: number) {
    this.#path = path
    this.#args = [...flags, '--config', configFile]
    this.#port = port
  }

  async start(): Promise<void> {
    if (this.#child) throw new Error('livekit-server runs already')
    const child = spawn(this.#path, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    process.once('exit', this.#killNow)
    const keep = (chunk: Buffer) => {
      this.log = `${this.log}${chunk.toString()}`.slice(-20_000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    let gone: string | null = null
    child.once('error', (error) => {
      gone = error.message
    })
    child.once('exit', (code) => {
      gone = `it ended with ${String(code)}`
    })
    try {
      await until('livekit-server answers', startTimeoutMs, async () => {
        if (gone !== null) throw new Error(`livekit-server did not start, ${gone}: ${this.log}`)
        return fetchOk(`http://127.0.0.1:${this.#port}/`)
      })
    } catch (error) {
      await this.end('SIGKILL')
      throw error
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (!child) return
    this.#child = null
    process.removeListener('exit', this.#killNow)
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    // The second signal makes LiveKit disconnect who is still there; the third is for a stuck one.
    const force = setTimeout(() => child.kill('SIGTERM'), 200)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await gone
    clearTimeout(force)
    clearTimeout(timer)
  }

  readonly #killNow = () => {
    this.#child?.kill('SIGKILL')
  }
}

function toServer(program: Program, url: string, keys: Keys, folder: string): LivekitServer {
  return {
    url,
    ...keys,
    stop: () => program.end('SIGTERM'),
    kill: () => program.end('SIGKILL'),
    restart: () => program.start(),
    async dispose() {
      await program.end('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
    get log() {
      return program.log
    },
  }
}

async function findPorts(): Promise<Ports> {
  const [http, tcp, udp] = await Promise.all([freeTcpPort(), freeTcpPort(), freeUdpPort()])
  return { http, tcp, udp }
}

function freeTcpPort(): Promise<number> {
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

function freeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('error', reject)
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address()
      socket.close(() => {
        resolve(port)
      })
    })
  })
}
