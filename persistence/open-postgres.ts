/** A PostgreSQL database: one connection that writes, a few that read. */
import type { MigrationObject } from '@mikro-orm/core'
import { MikroORM, PostgreSqlDriver } from '@mikro-orm/postgresql'
import { toCannotOpen } from './cannot-open.ts'
import { createKnexConnection } from './connection.ts'
import { createDatabase, type Database } from './database.ts'
import { postgresDialect } from './dialect.ts'
import { migrate } from './migrations/migrate.ts'
import { createLockWatch } from './lock-watch.ts'
import { knexOptions, ormOptions } from './orm-options.ts'
import type { DriverTls } from './postgres-tls.ts'
import { parsePostgresUrl, variablesWithoutUse } from './postgres-url.ts'
import type { ReportToOperator } from './store.ts'

const readers = 4

/** No process may hold the others up: who waits too long, or stands still in a transaction, gives way. */
const settings = `set lock_timeout = '4s'; set idle_in_transaction_session_timeout = '5s'`

interface RawConnection {
  query(sql: string, done: (error: Error | null) => void): void
}

/** Throws `CannotOpenDatabaseError`, in which the url has no password. */
export async function openPostgres(
  url: string,
  migrations: MigrationObject[],
  tell: ReportToOperator,
): Promise<Database> {
  const asked = parsePostgresUrl(url, process.env)
  const where = asked.host.startsWith('/') ? asked.host : `${asked.host}:${asked.port}`
  const what = `the PostgreSQL database ${where}/${asked.database}`
  for (const variable of variablesWithoutUse(process.env)) {
    tell(`the variable ${variable} is not taken: PostgreSQL is connected to without it`)
  }

  const options = (max: number, ssl: DriverTls) => ({
    ...ormOptions(migrations),
    driver: PostgreSqlDriver,
    host: asked.host,
    port: asked.port,
    user: asked.user,
    ...(asked.password !== undefined && { password: asked.password }),
    dbName: asked.database,
    driverOptions: {
      ...knexOptions,
      connection: { ...asked.driver, ssl },
      pool: {
        min: 0,
        max,
        afterCreate(connection: RawConnection, done: (error: Error | null) => void) {
          connection.query(settings, done)
        },
      },
    },
  })

  /** The first of its ways that leads to a connection. */
  async function connect(ssl: DriverTls, others: readonly DriverTls[]) {
    let orm: MikroORM | null = null
    try {
      orm = await MikroORM.init(options(1, ssl))
      await orm.em.getConnection().execute('select 1')
      return { orm, ssl }
    } catch (error) {
      await orm?.close(true)
      const [next, ...rest] = others
      if (next === undefined || !refusesTls(error)) throw error
      return connect(next, rest)
    }
  }

  let writer: MikroORM | null = null
  try {
    const [first, ...others] = asked.tls
    const { orm, ssl } = await connect(first, others)
    writer = orm
    if (ssl === false && asked.tlsMode === 'prefer' && !isThisMachine(asked.host)) {
      tell(
        `The connection to ${what} is not encrypted: it offers no TLS. sslmode=require insists on it.`,
      )
    }
    await migrate(writer.getMigrator(), migrations)
    const reader = await MikroORM.init(options(readers, ssl))
    return createDatabase(
      postgresDialect,
      createKnexConnection(writer),
      createKnexConnection(reader),
      createLockWatch(what, () => undefined, tell),
    )
  } catch (error) {
    await writer?.close(true)
    throw toCannotOpen(what, error)
  }
}

/** The server has none, or wants none from us. A wrong password is not tried again in plain text. */
const refusesTls = (error: unknown) =>
  error instanceof Error &&
  (/does not support SSL/.test(error.message) || ('code' in error && error.code === '28000'))

const isThisMachine = (host: string) => /^(localhost|127\..*|::1)$/.test(host)
