/** What SQLite and PostgreSQL say differently; everything else is one text for both. */
import type { IsolationLevel } from '@mikro-orm/core'

/** How a column's value comes out of the JSON that a bulk statement carries. */
export type ColumnType = 'text' | 'integer' | 'double precision' | 'boolean' | 'json'

export interface Dialect {
  name: 'sqlite' | 'postgresql'
  /** The database's clock in epoch milliseconds. */
  nowSql: string
  /** A source of rows named `x` with these columns, out of one JSON parameter. */
  rowsFromJson(columns: Readonly<Record<string, ColumnType>>): string
  /** A transaction whose reads all see one state. */
  readTogether: { isolationLevel?: IsolationLevel; readOnly?: boolean }
}

export const sqliteDialect: Dialect = {
  name: 'sqlite',
  nowSql: `(unixepoch('subsec') * 1000.0)`,
  rowsFromJson(columns) {
    const selected = Object.keys(columns).map((name) => `value->>'$.${name}' as ${name}`)
    return `(select ${selected.join(', ')} from json_each(?)) as x`
  },
  readTogether: {},
}

export function postgresDialect(repeatableRead: IsolationLevel): Dialect {
  return {
    name: 'postgresql',
    nowSql: `(extract(epoch from clock_timestamp()) * 1000.0)::double precision`,
    rowsFromJson(columns) {
      // `json`, not `jsonb`: its text is kept to the letter.
      const typed = Object.entries(columns).map(([name, type]) => `${name} ${type}`)
      return `json_to_recordset(?::json) as x(${typed.join(', ')})`
    },
    readTogether: { isolationLevel: repeatableRead, readOnly: true },
  }
}
