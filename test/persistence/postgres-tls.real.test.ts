import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../persistence/open-store.ts'
import { startPostgres, type Postgres } from '../support/postgres.ts'

/** What a url asks for, as PostgreSQL itself sees the connection that comes of it. */
interface Seen {
  ssl: boolean
  application: string
  address: string | null
  workMem: string
}

let both: Postgres
let none: Postgres
let only: Postgres
const trust = 'local all all trust'
beforeAll(async () => {
  ;[both, none, only] = await Promise.all([
    startPostgres({ tls: true, hba: [trust, 'host all all 127.0.0.1/32 trust'] }),
    startPostgres(),
    startPostgres({ tls: true, hba: [trust, 'hostssl all all 127.0.0.1/32 trust'] }),
  ])
}, 120_000)
afterAll(() => Promise.all([both, none, only].map((postgres) => postgres.stop())))

const urlOf = ({ port }: Postgres, parameters = '', host = '127.0.0.1') =>
  `postgres://postgres@${host}:${port}/postgres${parameters}`
const rootOf = ({ folder }: Postgres) => join(folder, 'server.crt')

async function seen(url: string, told: string[] = []): Promise<Seen> {
  const database = await openDatabase(url, [], (line) => told.push(line))
  const question = `select s.ssl, a.application_name as application, host(a.client_addr) as address,
    current_setting('work_mem') as "workMem"
    from pg_stat_ssl s join pg_stat_activity a using (pid) where pid = pg_backend_pid()`
  try {
    const [reader] = await database.sql<Seen>(question)
    const [writer] = await database.writeAlone((sql) => sql<Seen>(question))
    expect(writer).toEqual(reader)
    if (!reader) throw new Error('PostgreSQL does not see the connection')
    return reader
  } finally {
    await database.close()
  }
}

const refusal = async (url: string): Promise<string> => {
  const error: unknown = await seen(url).catch((thrown: unknown) => thrown)
  if (!(error instanceof Error)) throw new Error('it was opened')
  expect(error.name).toBe('CannotOpenDatabaseError')
  expect(error.message).not.toContain('\n')
  return error.message
}

describe('TLS to a server that takes both', () => {
  test.each([
    ['', true],
    ['?sslmode=disable', false],
    ['?sslmode=prefer', true],
    ['?sslmode=require', true],
    ['?sslmode=no-verify', true],
    ['?ssl=true', true],
    ['?ssl=false', false],
  ])('%s: encrypted is %s', async (parameters, ssl) => {
    expect((await seen(urlOf(both, parameters))).ssl).toBe(ssl)
  })

  test('what is verified: the authority with require and verify-ca, the name, too, with verify-full', async () => {
    const root = `sslrootcert=${rootOf(both)}`
    for (const mode of ['require', 'verify-ca']) {
      expect((await seen(urlOf(both, `?sslmode=${mode}&${root}`))).ssl).toBe(true)
      const foreign = `?sslmode=${mode}&sslrootcert=${rootOf(only)}`
      expect(await refusal(urlOf(both, foreign))).toMatch(/certificate/)
    }
    const full = `?sslmode=verify-full&${root}`
    expect((await seen(urlOf(both, full, 'localhost'))).ssl).toBe(true)
    // Its certificate is for localhost, not for this address.
    expect(await refusal(urlOf(both, full))).toMatch(/127\.0\.0\.1|altnames|IP/i)
    expect(await refusal(urlOf(both, '?sslmode=verify-full', 'localhost'))).toMatch(/certificate/)
  })
})

describe('TLS to a server that has none', () => {
  test('is refused where it was asked for, never left out', async () => {
    for (const parameters of ['?sslmode=require', '?ssl=true', '?sslmode=no-verify']) {
      expect(await refusal(urlOf(none, parameters))).toMatch(/does not support SSL/)
    }
  })

  test('is done without where it was only preferred', async () => {
    expect((await seen(urlOf(none))).ssl).toBe(false)
    expect((await seen(urlOf(none, '?sslmode=prefer'))).ssl).toBe(false)
  })
})

describe('a server that takes nothing but TLS', () => {
  test('is reached by a url without any parameter, and not by one that refuses TLS', async () => {
    expect((await seen(urlOf(only))).ssl).toBe(true)
    expect((await seen(urlOf(only, '?sslmode=require'))).ssl).toBe(true)
    expect(await refusal(urlOf(only, '?sslmode=disable'))).toMatch(/no encryption/)
  })
})

test('name, settings and time-out of the url arrive', async () => {
  const parameters =
    '?application_name=the%20harbour&options=-c%20work_mem%3D7MB&connect_timeout=5&keepalives_idle=30'
  expect(await seen(urlOf(both, parameters))).toMatchObject({
    application: 'the harbour',
    workMem: '7MB',
  })
  expect(await seen(urlOf(both))).toMatchObject({ application: 'chatto-calls' })
})

test('a socket is a folder, in the place of the host or as a parameter; TLS is none of it', async () => {
  const folder = encodeURIComponent(both.folder)
  for (const url of [
    `postgres:///postgres?host=${both.folder}&port=${both.port}&user=postgres`,
    `postgres://postgres@${folder}:${both.port}/postgres?sslmode=require`,
    `postgres://postgres@/postgres?host=${folder}&port=${both.port}`,
  ]) {
    expect(await seen(url)).toMatchObject({ address: null, ssl: false })
  }
})

test('an IPv6 address in brackets is an address', async () => {
  expect(await refusal('postgres://postgres@[::1]:9/postgres')).toMatch(
    /ECONNREFUSED.*::1|EADDRNOTAVAIL/,
  )
})
