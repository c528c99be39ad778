import { describe, expect, test } from 'vitest'
import {
  parsePostgresUrl,
  variablesWithoutUse,
  withoutPassword,
} from '../../persistence/postgres-url.ts'

const base = 'postgres://ada:hunter2@db.example.com/chatto'
const read = (parameters: string, env = {}) => parsePostgresUrl(`${base}${parameters}`, env)

describe('what cannot be done is refused in one line that names the parameter', () => {
  test.each([
    ['?sslmode=allow', 'sslmode must be disable, prefer'],
    ['?sslmode=Require', 'sslmode must be'],
    ['?sslmode=verify-ca', 'verify-ca needs the parameter sslrootcert'],
    ['?sslmode=verify-ca&sslrootcert=system', 'verify-ca needs the parameter sslrootcert'],
    ['?sslmode=require&sslrootcert=/nowhere.crt', 'sslrootcert, /nowhere.crt, cannot be read'],
    ['?sslmode=require&sslcert=/nowhere.crt', 'sslcert and sslkey belong together'],
    ['?ssl=yes', 'ssl must be true or false'],
    ['?ssl=true&sslmode=disable', 'ssl and sslmode contradict each other'],
    ['?sslmode=require&pgbouncer=true', 'parameter pgbouncer is not known'],
    ['?schema=calls', 'parameter schema is not known'],
    ['?hostaddr=127.0.0.1', 'parameter hostaddr is not known'],
    ['?channel_binding=require', 'channel_binding may only be disable or prefer'],
    ['?target_session_attrs=read-write', 'target_session_attrs may only be any'],
    ['?connect_timeout=soon', 'connect_timeout must be a whole number'],
    ['?port=70000', 'port must be a whole number up to 65535'],
  ])('%s', (parameters, why) => {
    const parse = () => read(parameters)
    expect(parse).toThrow(`[database] url: `)
    expect(parse).toThrow(why)
    expect(parse).not.toThrow(/hunter2|\n/)
  })

  test.each(['postgres://db/chatto\0', 'postgres://db/chatto%00', 'postgres://db/cha\ntto'])(
    'control characters, which would name another database: %j',
    (url) => {
      expect(() => parsePostgresUrl(url, {})).toThrow('holds a control character')
    },
  )

  test('several hosts', () => {
    expect(() => parsePostgresUrl('postgres://ada@one,two/chatto', {})).toThrow('several hosts')
  })
})

test('parts of the url are decoded, and parameters go before them', () => {
  expect(
    parsePostgresUrl('postgres://a%40b:p%2Fw%25@[::1]:6000/my%20db?dbname=other&port=6001', {}),
  ).toMatchObject({ host: '::1', port: 6001, user: 'a@b', password: 'p/w%', database: 'other' })
})

test('what the url leaves out is taken from PostgreSQL’s own variables', () => {
  const env = {
    PGHOST: '/run/postgresql',
    PGUSER: 'bo',
    PGPASSWORD: 'secret',
    PGDATABASE: 'calls',
    PGPORT: '5433',
    PGAPPNAME: 'the harbour',
    PGOPTIONS: '-c work_mem=7MB',
    PGCONNECT_TIMEOUT: '3',
  }
  expect(parsePostgresUrl('postgres://', env)).toMatchObject({
    host: '/run/postgresql',
    port: 5433,
    user: 'bo',
    password: 'secret',
    database: 'calls',
    tls: [false],
    driver: {
      application_name: 'the harbour',
      options: '-c work_mem=7MB',
      connectionTimeoutMillis: 3_000,
    },
  })
  expect(read('', { PGSSLMODE: 'require' }).tls).toEqual([{ rejectUnauthorized: false }])
  expect(read('?sslmode=verify-full', { PGSSLMODE: 'disable' }).tls).toEqual([
    { rejectUnauthorized: true },
  ])
})

test('the driver’s own reading of PGSSLMODE never counts: each way says whether there is TLS', () => {
  for (const parameters of ['', '?sslmode=disable', '?ssl=false', '?sslmode=require']) {
    for (const tls of read(parameters).tls) expect(tls).not.toBeUndefined()
  }
})

test('variables that would have no effect are named', () => {
  expect(
    variablesWithoutUse({ PGSSLMODE: 'require', PGSSLCRL: '/crl', PGSERVICE: 'x', PGHOST: 'y' }),
  ).toEqual(['PGSSLCRL', 'PGSERVICE'])
})

test('a url is shown without its passwords, wherever they stand', () => {
  expect(withoutPassword(`${base}?password=hunter2&sslmode=require&sslpassword=hunter2`)).toBe(
    'postgres://…@db.example.com/chatto?password=…&sslmode=require&sslpassword=…',
  )
})
