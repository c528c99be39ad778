/** Opens a database by its url, brings its schema up to date, and gives the stores. */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { IsolationLevel, type Options } from '@mikro-orm/core'
import { Migrator } from '@mikro-orm/migrations'
import { MikroORM as PostgresOrm, PostgreSqlDriver } from '@mikro-orm/postgresql'
import { MikroORM as SqliteOrm, SqliteDriver } from '@mikro-orm/sqlite'
import { createDatabase, type Database } from './database.ts'
import { postgresDialect, sqliteDialect } from './dialect.ts'
import { SessionEntity, UserEntity } from './entities/accounts.ts'
import { EffectEntity } from './entities/effects.ts'
import { MemberEntity, RoomEntity } from './entities/rooms.ts'
import { SettingEntity } from './entities/settings.ts'
import { Migration0001First } from './migrations/0001-first.ts'
import { createAccountStore } from './repositories/accounts.ts'
import { createCallStore } from './repositories/calls.ts'
import { createEffectStore } from './repositories/effects.ts'
import { createInstallationStore } from './repositories/installation.ts'
import { createRoomStore } from './repositories/rooms.ts'
import type { OpenStore, Store } from './store.ts'

const entities = [
  UserEntity,
  SessionEntity,
  RoomEntity,
  MemberEntity,
  EffectEntity,
  SettingEntity,
]
const migrationsList = [{ name: '0001-first', class: Migration0001First }]

/** Thrown when a database cannot be opened: one line, without the password. */
export class CannotOpenDatabaseError extends Error {
  constructor(why: string, cause?: unknown) {
    super(why, { cause })
    this.name = 'CannotOpenDatabaseError'
  }
}

export const openStore: OpenStore = async (url) => {
  if (url.startsWith('sqlite:')) return openSqlite(url.slice('sqlite:'.length))
  if (/^postgres(ql)?:\/\//.test(url)) return openPostgres(url)
  throw new CannotOpenDatabaseError(
    'the database url must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME',
  )
}

/** `path`: absolute. Durable: WAL with a sync at every commit; what is deleted is overwritten (R43). */
async function openSqlite(path: string): Promise<Store> {
  try {
    mkdirSync(dirname(path), { recursive: true })
  } catch (cause) {
    throw new CannotOpenDatabaseError(`the folder of ${path} cannot be made`, cause)
  }
  const options = {
    driver: SqliteDriver,
    dbName: path,
    driverOptions: {
      pool: {
        min: 1,
        max: 1,
        // With every new connection, for SQLite forgets these when it is opened again.
        afterCreate: (
          connection: { exec(sql: string, done: (error: Error | null) => void): void },
          done: (error: Error | null) => void,
        ) => {
          connection.exec(
            `pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full;
             pragma secure_delete = on; pragma foreign_keys = on`,
            done,
          )
        },
      },
    },
  }
  try {
    const writer = await SqliteOrm.init({ ...common, ...options })
    await migrate(writer)
    const reader = await SqliteOrm.init({ ...common, ...options })
    return createStore(createDatabase(sqliteDialect, writer, reader))
  } catch (cause) {
    throw toOpenError(`the SQLite database ${path} cannot be opened`, cause)
  }
}

async function openPostgres(url: string): Promise<Store> {
  const options = (max: number) => ({
    driver: PostgreSqlDriver,
    clientUrl: url,
    driverOptions: {
      pool: {
        min: 0,
        max,
        afterCreate: (
          connection: { query(sql: string, done: (error: Error | null) => void): void },
          done: (error: Error | null) => void,
        ) => {
          connection.query(
            `set lock_timeout = '4s'; set idle_in_transaction_session_timeout = '10s'`,
            done,
          )
        },
      },
    },
  })
  try {
    const writer = await PostgresOrm.init({ ...common, ...options(1) })
    await migrate(writer)
    const reader = await PostgresOrm.init({ ...common, ...options(4) })
    return createStore(createDatabase(postgresDialect(IsolationLevel.REPEATABLE_READ), writer, reader))
  } catch (cause) {
    const { host, pathname } = new URL(url)
    throw toOpenError(`the PostgreSQL database ${host}${pathname} cannot be opened`, cause)
  }
}

const common = {
  entities,
  extensions: [Migrator],
  migrations: { migrationsList, snapshot: false, transactional: true, silent: true },
  discovery: { disableDynamicFileAccess: true },
  // Nothing that is queried may reach a log: parameters hold sealed keys and password hashes.
  debug: false,
  allowGlobalContext: false,
} satisfies Options

/** Refuses a database that a newer program made. */
async function migrate(orm: SqliteOrm | PostgresOrm): Promise<void> {
  const migrator = orm.getMigrator()
  const known = new Set(migrationsList.map((migration) => migration.name))
  const executed = await migrator.getExecutedMigrations()
  const unknown = executed.find((migration) => !known.has(migration.name))
  if (unknown) {
    throw new CannotOpenDatabaseError(
      `the database was made by a newer version of this program (it knows “${unknown.name}”)`,
    )
  }
  await migrator.up()
}

function toOpenError(what: string, cause: unknown): Error {
  if (cause instanceof CannotOpenDatabaseError) return cause
  const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : ''
  return new CannotOpenDatabaseError(`${what}: ${withoutPassword(reason)}`, cause)
}

function withoutPassword(text: string): string {
  return text.replaceAll(/:\/\/[^@\s]*@/g, '://…@')
}

function createStore(database: Database): Store {
  return {
    rooms: createRoomStore(database),
    calls: createCallStore(database),
    accounts: createAccountStore(database),
    effects: createEffectStore(database),
    installation: createInstallationStore(database, () => randomBytes(8).toString('hex')),
    async scrub() {
      if (database.dialect.name === 'sqlite') {
        await database.writeAlone('pragma wal_checkpoint(truncate)')
      }
    },
    async ping() {
      await database.sql('select 1 as one')
    },
    close: () => database.close(),
  }
}

