/**
 * The two connections to a database: one writer with a queue, so that nothing gets between the
 * statements of a transaction, and readers of their own, so that a read never waits inside a commit.
 */
import type { EntityManager, EntitySchema, MetadataStorage } from '@mikro-orm/core'
import type { AbstractSqlConnection, AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/knex'
import { createInsertFromJson, toJson, type RowOf } from './bulk.ts'
import { isDefiniteCommitFailure, toDatabaseError } from './database-errors.ts'
import type { Dialect } from './dialect.ts'
import { AmbiguousCommitError } from './store.ts'

export type Row = Record<string, unknown>

/** Runs SQL with `?` for parameters; rows come back as objects. Rejects with `DatabaseError`. */
export type Sql = <R extends object = Row>(
  query: string,
  params?: readonly (string | number | null)[],
) => Promise<R[]>

export interface Transaction {
  sql: Sql
  /**
   * To read by; made at its first use. Never flushed: MikroORM’s flush switches on Node’s async hooks
   * for good, and from then on every promise of the hot path pays for them.
   */
  readonly em: EntityManager
  /** All rows by one statement. Nothing is sent when there are none. */
  insert<E, R extends object = Row>(
    entity: EntitySchema<E>,
    rows: readonly RowOf<E>[],
    tail?: string,
  ): Promise<R[]>
}

export interface Database {
  dialect: Dialect
  /** Reads what is committed. */
  sql: Sql
  /** Reads what is committed as entities, by an entity manager of this use alone. */
  read<T>(work: (em: EntityManager) => Promise<T>): Promise<T>
  /**
   * One transaction on the writer, after all earlier ones. Rejects with what `work` throws, rolled
   * back; with `AmbiguousCommitError` when the connection was lost while committing. The first
   * statement should be one that writes: SQLite refuses to turn an old read into a write.
   */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>
  /** One statement on the writer outside of a transaction. */
  writeAlone<R extends object = Row>(query: string): Promise<R[]>
  /** After everything that was asked to be written. */
  close(): Promise<void>
}

/** The part of MikroORM's instance that is used here. */
export interface OpenedOrm {
  em: SqlEntityManager<AbstractSqlDriver>
  getMetadata(): MetadataStorage
  close(force?: boolean): Promise<void>
}

export function createDatabase(dialect: Dialect, writer: OpenedOrm, reader: OpenedOrm): Database {
  const writing = writer.em.getConnection()
  const toInsert = createInsertFromJson(dialect, writer.getMetadata())
  let last: Promise<unknown> = Promise.resolve()

  function enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work, work)
    last = next.catch(() => undefined)
    return next
  }

  async function transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const trx = await clean(() => writing.begin())
    const sql = sqlOn(writing, trx)
    const used: { em?: EntityManager } = {}
    const transaction: Transaction = {
      sql,
      get em() {
        if (!used.em) {
          used.em = writer.em.fork()
          used.em.setTransactionContext(trx)
        }
        return used.em
      },
      async insert<E, R extends object>(
        entity: EntitySchema<E>,
        rows: readonly RowOf<E>[],
        tail = '',
      ) {
        if (rows.length === 0) return []
        return sql<R>(toInsert(entity, tail), [toJson(rows)])
      },
    }
    let result: T
    try {
      result = await work(transaction)
    } catch (error) {
      await ignoreFailure(() => writing.rollback(trx))
      throw toDatabaseError(error)
    }
    try {
      await writing.commit(trx)
    } catch (error) {
      if (!isDefiniteCommitFailure(error)) throw new AmbiguousCommitError(toDatabaseError(error))
      // SQLite leaves the transaction open when it cannot commit.
      if (dialect.name === 'sqlite') await ignoreFailure(() => sqlOn(writing)('rollback'))
      throw toDatabaseError(error)
    }
    return result
  }

  return {
    dialect,
    sql: sqlOn(reader.em.getConnection()),
    read: (work) => clean(() => work(reader.em.fork())),
    write: (work) => enqueue(() => transact(work)),
    writeAlone: (query) => enqueue(() => sqlOn(writing)(query)),
    async close() {
      await last
      await Promise.all([writer.close(true), reader.close(true)])
    },
  }
}

type Trx = Parameters<AbstractSqlConnection['commit']>[0]

/** By real parameters: MikroORM's own `execute` writes all values into the statement's text. */
function sqlOn(connection: AbstractSqlConnection, trx?: Trx): Sql {
  return <R extends object>(query: string, params: Parameters<Sql>[1] = []) =>
    clean(async () => {
      const raw = connection.getKnex().raw<unknown>(query, [...params])
      const result: unknown = await (trx ? raw.transacting(trx) : raw)
      if (Array.isArray(result)) return result as R[]
      const rows = typeof result === 'object' && result !== null && 'rows' in result && result.rows
      return Array.isArray(rows) ? (rows as R[]) : []
    })
}

async function clean<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toDatabaseError(error)
  }
}

/** A rollback fails only when there is nothing to roll back any more. */
async function ignoreFailure(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch {
    return
  }
}
