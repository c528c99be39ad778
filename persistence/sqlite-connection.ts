/**
 * A connection to a SQLite file that runs statements on the driver itself, each prepared once: a
 * commit is five short statements, of which Knex and preparing were the greater part (ADR 0012).
 */
import type { Connection, OpenedOrm, Sql } from './connection.ts'
import type { SqliteDriverConnection } from './kept-statements.ts'

/** `driver`: the one connection in the pool of `orm`, so that both are in the same transaction. */
export function createSqliteConnection(orm: OpenedOrm, driver: SqliteDriverConnection): Connection {
  const run = <R extends object>(query: string, params: Parameters<Sql>[1] = []) =>
    new Promise<R[]>((resolve, reject) => {
      driver.all(query, params, (error, rows) => {
        if (error) reject(error)
        else resolve(rows as R[])
      })
    })

  return {
    sql: run,
    async begin() {
      await run('begin')
      return {
        sql: run,
        forkEm: () => orm.em.fork(),
        async commit() {
          try {
            await run('commit')
          } catch (error) {
            // A transaction that cannot be committed stays open.
            await run('rollback').catch(() => undefined)
            throw error
          }
        },
        async rollback() {
          await run('rollback')
        },
      }
    },
    forkEm: () => orm.em.fork(),
    getMetadata: () => orm.getMetadata(),
    close: () => orm.close(true),
  }
}
