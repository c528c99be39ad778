/**
 * The two connections to a database: one writer with a queue, so that nothing gets between the
 * statements of a transaction, and readers of their own, so that a read never waits inside a commit.
 */
import type { EntityManager } from '@mikro-orm/core'
import type { AbstractSqlConnection, AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/knex'
import type { Dialect } from './dialect.ts'
import { AmbiguousCommitError } from './store.ts'

export type Row = Record<string, unknown>

/** Runs SQL with `?` for parameters; rows come back as objects. */
export type Sql = <R extends object = Row>(query: string, params?: readonly unknown[]) => Promise<R[]>

export interface Transaction {
  sql: Sql
  em: EntityManager
}

export interface Database {
  dialect: Dialect
  /** Reads what is committed. */
  sql: Sql
  /** A reading entity manager, forked for this use. */
  em(): SqlEntityManager<AbstractSqlDriver>
  /** Several reads of one state of the database. */
  readTogether<T>(read: (sql: Sql) => Promise<T>): Promise<T>
  /** One transaction on the writer, after all earlier ones. Rejects with what `work` throws, rolled back. */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>
  /** One statement on the writer outside of a transaction. */
  writeAlone(query: string): Promise<void>
  close(): Promise<void>
}

/** The part of MikroORM's instance that is used here. */
export interface OpenedOrm {
  em: SqlEntityManager<AbstractSqlDriver>
  close(force?: boolean): Promise<void>
}

export function createDatabase(dialect: Dialect, writer: OpenedOrm, reader: OpenedOrm): Database {
  const writing = writer.em.getConnection()
  const reading = reader.em.getConnection()
  let last: Promise<unknown> = Promise.resolve()

  function enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work, work)
    last = next.catch(() => undefined)
    return next
  }

  async function transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const trx = await writing.begin()
    const em = writer.em.fork()
    em.setTransactionContext(trx)
    let result: T
    try {
      result = await work({ sql: sqlOn(writing, trx), em })
      await em.flush()
    } catch (error) {
      await rollBack(writing, trx)
      throw error
    }
    try {
      await writing.commit(trx)
    } catch (error) {
      throw new AmbiguousCommitError(error)
    }
    return result
  }

  return {
    dialect,
    sql: sqlOn(reading),
    em: () => reader.em.fork(),
    async readTogether(read) {
      const trx = await reading.begin(dialect.readTogether)
      try {
        return await read(sqlOn(reading, trx))
      } finally {
        await rollBack(reading, trx)
      }
    },
    write: (work) => enqueue(() => transact(work)),
    writeAlone: (query) => enqueue(async () => void (await writing.execute(query))),
    async close() {
      await last
      await Promise.all([writer.close(true), reader.close(true)])
    },
  }
}

type Trx = Parameters<AbstractSqlConnection['commit']>[0]

function sqlOn(connection: AbstractSqlConnection, trx?: Trx): Sql {
  return <R extends object>(query: string, params: readonly unknown[] = []) =>
    connection.execute<R[]>(query, [...params], 'all', trx)
}

/** A rollback can fail only when the connection is lost, and then there is nothing to roll back. */
async function rollBack(connection: AbstractSqlConnection, trx: Trx): Promise<void> {
  try {
    await connection.rollback(trx)
  } catch {
    return
  }
}
