/** Opens a database by its url, brings its schema up to date, and gives the stores. */
import { randomBytes } from 'node:crypto'
import type { MigrationObject } from '@mikro-orm/core'
import { CannotOpenDatabaseError } from './cannot-open.ts'
import type { Database } from './database.ts'
import { postgresMigrations } from './migrations/postgresql/list.ts'
import { sqliteMigrations } from './migrations/sqlite/list.ts'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'
import { createAccountStore } from './repositories/accounts.ts'
import { createCallStore } from './repositories/calls.ts'
import { createEffectStore } from './repositories/effects.ts'
import { createInstallationStore } from './repositories/installation.ts'
import { createLeaseStore } from './repositories/leases.ts'
import { createRoomStore } from './repositories/rooms.ts'
import type { OpenStore, Store, ReportToOperator } from './store.ts'

export { CannotOpenDatabaseError }

/** Throws `CannotOpenDatabaseError`: one line, without the password. */
export const openStore: OpenStore = async (url, tell) =>
  createStore(await openDatabase(url, [], tell))

/** `laterMigrations`: what a newer program would know, for tests of upgrades. */
export async function openDatabase(
  url: string,
  laterMigrations: MigrationObject[] = [],
  tell: ReportToOperator = () => undefined,
): Promise<Database> {
  if (url.startsWith('sqlite:')) {
    return openSqlite(url.slice('sqlite:'.length), [...sqliteMigrations, ...laterMigrations], tell)
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    return openPostgres(url, [...postgresMigrations, ...laterMigrations], tell)
  }
  throw new CannotOpenDatabaseError(
    'the database url must be sqlite:/PATH or postgres://USER:PASSWORD@HOST/NAME',
  )
}

export function createStore(database: Database): Store {
  return {
    rooms: createRoomStore(database),
    calls: createCallStore(database),
    accounts: createAccountStore(database),
    effects: createEffectStore(database),
    installation: createInstallationStore(database, () => randomBytes(8).toString('hex')),
    leases: createLeaseStore(database),
    // A SQLite file has one server: it holds the file (`hold-sqlite.ts`).
    isShared: database.dialect.name === 'postgresql',
    scrub: () => database.scrub(),
    async ping() {
      await database.sql('select 1 as one')
    },
    close: () => database.close(),
  }
}
