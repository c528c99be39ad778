/** A PostgreSQL database: one connection that writes, a few that read. */
import type { MigrationObject } from '@mikro-orm/core'
import { MikroORM, PostgreSqlDriver } from '@mikro-orm/postgresql'
import { CannotOpenDatabaseError, toCannotOpen } from './cannot-open.ts'
import { createKnexConnection } from './connection.ts'
import { createDatabase, type Database } from './database.ts'
import { postgresDialect } from './dialect.ts'
import { migrate } from './migrations/migrate.ts'
import { createLockWatch } from './lock-watch.ts'
import { knexOptions, ormOptions } from './orm-options.ts'
import type { TellOperator } from './store.ts'

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
  tell: TellOperator,
): Promise<Database> {
  if (!URL.canParse(url)) throw new CannotOpenDatabaseError('the PostgreSQL url cannot be read')
  const { host, pathname } = new URL(url)
  const options = (max: number) => ({
    ...ormOptions(migrations),
    driver: PostgreSqlDriver,
    clientUrl: url,
    driverOptions: {
      ...knexOptions,
      connection: { connectionTimeoutMillis: 10_000 },
      pool: {
        min: 0,
        max,
        afterCreate(connection: RawConnection, done: (error: Error | null) => void) {
          connection.query(settings, done)
        },
      },
    },
  })
  const what = `the PostgreSQL database ${host}${pathname}`
  let writer: MikroORM | null = null
  try {
    writer = await MikroORM.init(options(1))
    await migrate(writer.getMigrator(), migrations)
    const reader = await MikroORM.init(options(readers))
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
