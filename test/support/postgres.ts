/**
 * A throwaway PostgreSQL for tests: its own cluster in a folder of its own, on a free port of
 * 127.0.0.1, without syncs. Nothing of it is left when it is stopped.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const bin = process.env['POSTGRES_BIN'] ?? '/usr/lib/postgresql/15/bin'
const startTimeoutMs = 30_000
const stopTimeoutMs = 10_000

export interface PostgresOptions {
  /** A certificate of its own for `localhost`, which is its own authority. */
  tls?: boolean
  /** Lines of `pg_hba.conf`, in place of trusting everybody. */
  hba?: string[]
}

export interface Postgres {
  readonly port: number
  /** Of its certificate and of its socket. */
  readonly folder: string
  /** Makes an empty database and gives its url. */
  freshUrl(): Promise<string>
  /** Runs SQL as the superuser, as somebody beside the store would. */
  sql(url: string, statement: string): Promise<string>
  stop(): Promise<void>
}

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), 'chatto-postgres-'))
  const owner = await findOwner()
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const data = join(folder, 'data')
  try {
    await run(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-N'],
      { ...owner, cwd: folder },
    )
    if (options.tls) await makeCertificate(folder, owner)
    if (options.hba) writeFileSync(join(data, 'pg_hba.conf'), `${options.hba.join('\n')}\n`)
    const { child, port } = await startOnFreePort(data, folder, owner, options.tls ?? false)
    return toPostgres(child, port, folder)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** PostgreSQL does not run as root; anybody else runs it as themselves. */
async function findOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return undefined
  const [uid, gid] = await Promise.all([
    run('id', ['-u', 'postgres']),
    run('id', ['-g', 'postgres']),
  ])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

type Owner = { uid: number; gid: number } | undefined

async function makeCertificate(folder: string, owner: Owner): Promise<void> {
  const key = join(folder, 'server.key')
  const made = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  const names = ['-addext', 'subjectAltName=DNS:localhost']
  const files = ['-keyout', key, '-out', join(folder, 'server.crt')]
  await run('openssl', ['req', '-x509', ...made, ...names, ...files])
  chmodSync(key, 0o600)
  if (owner) chownSync(key, owner.uid, owner.gid)
}

async function startOnFreePort(
  data: string,
  folder: string,
  owner: Owner,
  tls: boolean,
): Promise<{ child: ChildProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort()
    const secured = tls
      ? [
          'ssl=on',
          `ssl_cert_file=${folder}/server.crt`,
          `ssl_key_file=${folder}/server.key`,
        ].flatMap((setting) => ['-c', setting])
      : []
    const off = ['fsync', 'full_page_writes', 'synchronous_commit'].flatMap((name) => [
      '-c',
      `${name}=off`,
    ])
    const child = spawn(
      join(bin, 'postgres'),
      ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, ...off, ...secured],
      { ...owner, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
    )
    try {
      await untilReady(child)
      return { child, port }
    } catch (error) {
      // Somebody else took the port meanwhile.
      if (attempt === 5) throw error
    }
  }
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`PostgreSQL did not start in time: ${log}`))
    }, startTimeoutMs)
    child.stderr?.on('data', (chunk: Buffer) => {
      log = `${log}${chunk.toString()}`.slice(-4_000)
      if (!log.includes('ready to accept connections')) return
      clearTimeout(timer)
      resolve()
    })
    child.once('error', reject)
    child.once('exit', () => {
      clearTimeout(timer)
      reject(new Error(`PostgreSQL did not start: ${log}`))
    })
  })
}

function findFreePort(): Promise<number> {
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

function toPostgres(child: ChildProcess, port: number, folder: string): Postgres {
  let databases = 0
  const killNow = () => child.kill('SIGQUIT')
  process.once('exit', killNow)

  async function sql(url: string, statement: string): Promise<string> {
    const { stdout } = await run(join(bin, 'psql'), [
      '-XAtq',
      '-v',
      'ON_ERROR_STOP=1',
      '-d',
      url,
      '-c',
      statement,
    ])
    return stdout.trim()
  }

  return {
    port,
    folder,
    sql,
    async freshUrl() {
      databases += 1
      const name = `test${databases}`
      const base = `postgres://postgres@127.0.0.1:${port}`
      await sql(`${base}/postgres`, `create database ${name}`)
      return `${base}/${name}`
    },
    async stop() {
      process.removeListener('exit', killNow)
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((resolve) => child.once('exit', resolve))
        // Fast shutdown: who is still connected is cut off.
        child.kill('SIGINT')
        const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
        await gone
        clearTimeout(timer)
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
