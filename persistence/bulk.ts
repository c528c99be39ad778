/** Many rows by one statement and one JSON parameter: the hot path of every commit. */
import type { ColumnType, Dialect } from './dialect.ts'
import type { Row, Sql } from './database.ts'

export interface BulkTable<C extends string> {
  table: string
  columns: Readonly<Record<C, ColumnType>>
}

/** `tail`: what to do on a conflict, what to give back. Nothing is sent when there are no rows. */
export async function insertMany<C extends string, R extends object = Row>(
  sql: Sql,
  dialect: Dialect,
  { table, columns }: BulkTable<C>,
  rows: readonly Readonly<Record<C, unknown>>[],
  tail = '',
): Promise<R[]> {
  if (rows.length === 0) return []
  const names = Object.keys(columns)
  const values = Object.entries<ColumnType>(columns).map(([name, type]) =>
    type === 'json' && dialect.name === 'postgresql' ? `x.${name}::text` : `x.${name}`,
  )
  // `where true` keeps SQLite from reading `on conflict` as part of a join.
  return sql<R>(
    `insert into ${table} (${names.join(', ')}) select ${values.join(', ')} ` +
      `from ${dialect.rowsFromJson(columns)} where true ${tail}`,
    [JSON.stringify(rows)],
  )
}

/** `update … from` the rows. */
export async function updateMany<C extends string, R extends object = Row>(
  sql: Sql,
  dialect: Dialect,
  { table, columns }: BulkTable<C>,
  rows: readonly Readonly<Record<C, unknown>>[],
  set: string,
  where: string,
  tail = '',
): Promise<R[]> {
  if (rows.length === 0) return []
  return sql<R>(
    `update ${table} set ${set} from ${dialect.rowsFromJson(columns)} where ${where} ${tail}`,
    [JSON.stringify(rows)],
  )
}
