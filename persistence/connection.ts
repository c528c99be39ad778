/** What a database needs of a connection to it. Statements reject with the driver's own errors. */
import type { EntityManager, MetadataStorage } from '@mikro-orm/core'
import type { AbstractSqlConnection, AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/knex'

export type Row = Record<string, unknown>

/** Runs SQL with `?` for parameters; rows come back as objects. */
export type Sql = <R extends object = Row>(
  query: string,
  params?: readonly (string | number | null)[],
) => Promise<R[]>

export interface Connection {
  sql: Sql
  begin(): Promise<OpenTransaction>
  /** For one use. */
  forkEm(): EntityManager
  getMetadata(): MetadataStorage
  close(): Promise<void>
}

/** Over after `commit` or `rollback`, even when that fails. */
export interface OpenTransaction {
  sql: Sql
  forkEm(): EntityManager
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** The part of MikroORM's instance that is used here. */
export interface OpenedOrm {
  em: SqlEntityManager<AbstractSqlDriver>
  getMetadata(): MetadataStorage
  close(force?: boolean): Promise<void>
}

/** Knex's own, and how its pool knows a connection that it must not hand out. */
interface ClientOfTransaction {
  acquireConnection(): Promise<{ __knex__disposed?: unknown }>
}

type Trx = Parameters<AbstractSqlConnection['commit']>[0]

/** By Knex and its pool, as MikroORM itself. */
export function createKnexConnection(orm: OpenedOrm): Connection {
  const connection = orm.em.getConnection()

  /** By real parameters: MikroORM's own `execute` writes all values into the statement's text. */
  function sqlOn(trx?: Trx): Sql {
    return async <R extends object>(query: string, params: Parameters<Sql>[1] = []) => {
      const raw = connection.getKnex().raw<{ rows: R[] }>(query, [...params])
      const { rows } = await (trx ? raw.transacting(trx) : raw)
      return rows
    }
  }

  /**
   * On another connection when the first turns out to be dead: of one that the database has cut, the end
   * may arrive later than the next use. Nothing was asked of it yet, so this is no guess.
   */
  async function beginOnLiving(): Promise<Trx> {
    const trx = await connection.begin()
    if (!trx.isCompleted()) return trx
    // Knex hands out a transaction whose BEGIN failed as well, and its connection again to the next.
    const { client } = trx as { client: ClientOfTransaction }
    const dead = await client.acquireConnection()
    dead.__knex__disposed = 'BEGIN failed'
    const next = await connection.begin()
    if (next.isCompleted()) await next.executionPromise
    return next
  }

  return {
    sql: sqlOn(),
    async begin() {
      const trx = await beginOnLiving()
      return {
        sql: sqlOn(trx),
        forkEm() {
          const em = orm.em.fork()
          em.setTransactionContext(trx)
          return em
        },
        commit: () => connection.commit(trx),
        rollback: () => connection.rollback(trx),
      }
    },
    forkEm: () => orm.em.fork(),
    getMetadata: () => orm.getMetadata(),
    close: () => orm.close(true),
  }
}
