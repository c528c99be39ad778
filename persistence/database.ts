/**
 * The two connections to a database: one writer with a queue, so that nothing gets between the
 * statements of a transaction, and readers of their own, so that a read never waits inside a commit.
 */
import type { EntityManager, EntitySchema } from '@mikro-orm/core'
import { createInsertFromJson, toJson, type RowOf } from './bulk.ts'
import type { Connection, Row, Sql } from './connection.ts'
import { isDefiniteCommitFailure, toDatabaseError } from './database-errors.ts'
import type { LockWatch } from './lock-watch.ts'
import type { Dialect } from './dialect.ts'
import { AmbiguousCommitError, type ScrubOutcome } from './store.ts'

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
  /** In turn with all that is written, outside of a transaction; `sql` is the writer's. */
  writeAlone<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Takes deleted bytes out of the log that SQLite writes before the database itself (R43). */
  scrub(): Promise<ScrubOutcome>
  /** After everything that was asked to be written. */
  close(): Promise<void>
}

export function createDatabase(
  dialect: Dialect,
  writer: Connection,
  reader: Connection,
  locks: LockWatch,
): Database {
  const toInsert = createInsertFromJson(dialect, writer.getMetadata())
  let last: Promise<unknown> = Promise.resolve()

  function enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work, work)
    last = next.catch(() => undefined)
    return next
  }

  /** Whoever has waited for his turn through somebody else's lock does not wait for it once more. */
  function inTurn<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const turn = locks.ask()
    return enqueue(async () => {
      turn.begin()
      try {
        const result = await transact(work)
        turn.end(null)
        return result
      } catch (error) {
        turn.end(error)
        throw error
      }
    })
  }

  async function transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const open = await clean(() => writer.begin())
    const sql = cleanSql(open.sql)
    const used: { em?: EntityManager } = {}
    const transaction: Transaction = {
      sql,
      get em() {
        return (used.em ??= open.forkEm())
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
      await ignoreFailure(() => open.rollback())
      throw toDatabaseError(error)
    }
    try {
      await open.commit()
    } catch (error) {
      const reason = toDatabaseError(error)
      throw isDefiniteCommitFailure(error) ? reason : new AmbiguousCommitError(reason)
    }
    return result
  }

  return {
    dialect,
    sql: cleanSql(reader.sql),
    read: (work) => clean(() => work(reader.forkEm())),
    write: inTurn,
    writeAlone: (work) => enqueue(() => clean(() => work(writer.sql))),
    scrub: () => Promise.resolve('done'),
    async close() {
      await last
      await Promise.all([writer.close(), reader.close()])
    },
  }
}

function cleanSql(sql: Sql): Sql {
  return (query, params) => clean(() => sql(query, params))
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
