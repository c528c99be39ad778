/** A SQLite file: durable at every commit, what is deleted is overwritten (R43). */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, isAbsolute } from 'node:path'
import type { MigrationObject } from '@mikro-orm/core'
import { MikroORM, SqliteDriver } from '@mikro-orm/sqlite'
import { CannotOpenDatabaseError, toCannotOpen } from './cannot-open.ts'
import type { Connection } from './connection.ts'
import { createDatabase, type Database } from './database.ts'
import { sqliteDialect } from './dialect.ts'
import { keepStatements, type SqliteDriverConnection } from './kept-statements.ts'
import { migrate } from './migrations/migrate.ts'
import { knexOptions, ormOptions } from './orm-options.ts'
import { createSqliteConnection } from './sqlite-connection.ts'
import { createLockWatch } from './lock-watch.ts'
import type { ReportToOperator } from './store.ts'
import { startWalUpkeep } from './wal-upkeep.ts'
import { whoHolds } from './who-holds.ts'

/**
 * SQLite forgets these with every connection. The cache (64 MiB) is for the hot path. No commit pays
 * for a checkpoint: that is the work of `wal-upkeep.ts`.
 */
const pragmas = `
  pragma busy_timeout = 5000;
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma secure_delete = on;
  pragma foreign_keys = on;
  pragma cache_size = -65536;
  pragma wal_autocheckpoint = 0;
  pragma temp_store = memory;`

/** `path`: absolute. Made with its folder when it is not there. */
export async function openSqlite(
  path: string,
  migrations: MigrationObject[],
  tell: ReportToOperator,
): Promise<Database> {
  const what = `the SQLite database ${path}`
  if (!isAbsolute(path)) throw new CannotOpenDatabaseError(`${what} must be an absolute path`)
  const opened: MikroORM[] = []

  async function connect(beforeAll?: (orm: MikroORM) => Promise<void>): Promise<Connection> {
    let driver: SqliteDriverConnection | null = null
    const orm = await MikroORM.init({
      ...ormOptions(migrations),
      driver: SqliteDriver,
      dbName: path,
      driverOptions: {
        ...knexOptions,
        pool: {
          min: 1,
          max: 1,
          afterCreate(made: SqliteDriverConnection, done: (error: Error | null) => void) {
            driver = made
            keepStatements(made)
            made.exec(pragmas, done)
          },
        },
      },
    })
    opened.push(orm)
    await beforeAll?.(orm)
    if (!driver) throw new CannotOpenDatabaseError(`${what} did not open`)
    return createSqliteConnection(orm, driver)
  }

  try {
    mkdirSync(dirname(path), { recursive: true })
    // It holds password hashes: nobody else on this machine may read it. WAL and index follow it.
    closeSync(openSync(path, 'a', 0o600))
    const writer = await connect((orm) => migrate(orm.getMigrator(), migrations))
    const locks = createLockWatch(`the SQLite file ${path}`, () => whoHolds(path, 'writing'), tell)
    const database = createDatabase(sqliteDialect, writer, await connect(), locks)
    const wal = await startWalUpkeep(path, database, tell)
    return {
      ...database,
      scrub: wal.scrub,
      async close() {
        await wal.close()
        await database.close()
      },
    }
  } catch (error) {
    for (const orm of opened) await orm.close(true)
    throw toCannotOpen(what, error)
  }
}
