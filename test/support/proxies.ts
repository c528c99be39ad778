/** Real proxies in front of a server: nginx and Caddy as README sets them up, and a wire that cuts. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepareTls } from '../../server/http/tls.ts'
import { findFreePort } from './free-port.ts'

export interface Proxy {
  /** Where browsers reach the server: `https://localhost:…` */
  readonly origin: string
  readonly port: number
  stop(): Promise<void>
}

const nginx = process.env['NGINX'] ?? '/usr/sbin/nginx'
const caddy = process.env['CADDY'] ?? '/usr/bin/caddy'

/** What is missing here, or null. In CI nothing is skipped: it throws. */
export function missingProxies(): string | null {
  const missing = [nginx, caddy].filter((path) => !existsSync(path))
  if (missing.length === 0) return null
  const words = `${missing.join(' and ')} not found; apt install nginx caddy`
  if (process.env['CI']) throw new Error(words)
  return words
}

/** The lines of README between fences of this language. */
export function fromReadme(language: 'nginx' | 'caddyfile'): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const block = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1]
  if (block === undefined) throw new Error(`README has no ${language}`)
  return block
}

/** `site`: as in README, or with lines of it left out. */
export async function startNginx(site: string, port: number, behind: number): Promise<Proxy> {
  const { folder, certificate, key } = await makeFolder()
  const server = site
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replace('chat.example.com;', 'localhost;')
    .replace(/ssl_certificate [^;]*/, `ssl_certificate ${certificate}`)
    .replace(/ssl_certificate_key [^;]*/, `ssl_certificate_key ${key}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${behind}`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n')
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off; pid ${folder}/pid; error_log ${folder}/error.log warn; worker_processes 1;
events {}
http { access_log off; ${temporary}
${server}
}`,
  )
  const child = spawn(nginx, ['-p', folder, '-e', join(folder, 'error.log'), '-c', config])
  return untilItTakes(child, port, folder)
}

export async function startCaddy(site: string, port: number, behind: number): Promise<Proxy> {
  const { folder, certificate, key } = await makeFolder()
  const config = join(folder, 'Caddyfile')
  const server = site
    .replace('chat.example.com {', `https://localhost:${port} {\n\ttls ${certificate} ${key}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${behind}`)
  writeFileSync(config, `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${server}`)
  const child = spawn(caddy, ['run', '--config', config, '--adapter', 'caddyfile'], {
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  })
  return untilItTakes(child, port, folder)
}

/** Passes everything on in pieces, each of which is read by the server in this process before the next. */
export async function startCutter(behind: number, size: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(behind, '127.0.0.1')
    upstream.setNoDelay(true)
    let done = Promise.resolve()
    client.on('data', (chunk: Buffer) => {
      done = done.then(async () => {
        for (let at = 0; at < chunk.length; at += size) {
          upstream.write(chunk.subarray(at, at + size))
          for (let round = 0; round < 3; round += 1) await new Promise(setImmediate)
        }
      })
    })
    upstream.pipe(client)
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.on('error', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://localhost:${port}`,
    port,
    stop() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

export { findFreePort }

async function makeFolder(): Promise<{ folder: string; certificate: string; key: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'chatto-proxy-'))
  const tls = await prepareTls(
    {
      is: 'self-signed',
      certificateFile: join(folder, 'proxy.crt'),
      keyFile: join(folder, 'proxy.key'),
      hosts: [],
    },
    Date.now(),
  )
  return { folder, certificate: tls.cert_file_name, key: tls.key_file_name }
}

async function untilItTakes(child: ChildProcess, port: number, folder: string): Promise<Proxy> {
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  while (!(await takesConnections(port))) {
    if (isOver()) throw new Error(`the proxy ended: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    origin: `https://localhost:${port}`,
    port,
    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => (socket.destroy(), resolve(true)))
    socket.once('error', () => resolve(false))
  })
}
