/** What SQLite and PostgreSQL say differently; everything else is one text for both. */

/** How a value comes out of the JSON that a bulk statement carries. `json` is stored as text. */
export type ColumnType = 'text' | 'integer' | 'double precision' | 'boolean' | 'json'

export type Columns = Readonly<Record<string, ColumnType>>

export interface Dialect {
  name: 'sqlite' | 'postgresql'
  /** The database's clock in epoch milliseconds. */
  nowSql: string
  /** A source of rows named `x` with these columns, out of one JSON parameter. */
  rowsFromJson(columns: Columns): string
  /** The same, but the rooms of these rows (`roomId`) are locked first, in the order of their ids. */
  rowsLockingRooms(columns: Columns): string
  /** The rows of a subquery as one JSON text: an array of arrays. */
  jsonOfRows(columns: readonly string[]): string
  /** The texts of one JSON parameter, an array, as a subquery. */
  textsFromJson: string
  /** Behind a subquery that takes rows for this process alone. */
  skipLocked: string
}

const sqliteRows = (columns: Columns): string => {
  // `->` keeps JSON as it is, `->>` takes the value out of it.
  const selected = Object.entries(columns).map(
    ([name, type]) => `value${type === 'json' ? '->' : '->>'}'$.${name}' as "${name}"`,
  )
  return `(select ${selected.join(', ')} from json_each(?)) as x`
}

export const sqliteDialect: Dialect = {
  name: 'sqlite',
  nowSql: `(unixepoch('subsec') * 1000.0)`,
  rowsFromJson: sqliteRows,
  // One writer at a time: there is nothing to lock.
  rowsLockingRooms: sqliteRows,
  jsonOfRows: (columns) => `json_group_array(json_array(${columns.join(', ')}))`,
  textsFromJson: '(select value from json_each(?))',
  skipLocked: '',
}

const postgresRows = (columns: Columns): string => {
  // `json`, not `jsonb`: its text is kept to the letter.
  const typed = Object.entries(columns).map(([name, type]) => `"${name}" ${type}`)
  return `json_to_recordset(?::json) as x(${typed.join(', ')})`
}

export const postgresDialect: Dialect = {
  name: 'postgresql',
  nowSql: `(extract(epoch from clock_timestamp()) * 1000.0)::double precision`,
  rowsFromJson(columns) {
    const selected = Object.entries(columns).map(([name, type]) =>
      // A JSON null is a value like any other, not the absence of one.
      type === 'json' ? `coalesce(x."${name}", 'null')::text as "${name}"` : `x."${name}"`,
    )
    return `(select ${selected.join(', ')} from ${postgresRows(columns)}) as x`
  },
  // Two processes whose batches hold the same rooms would else wait for each other for ever.
  rowsLockingRooms: (columns) =>
    `(select x.* from ${postgresRows(columns)} join rooms locked on locked.room_id = x."roomId"
      order by x."roomId" for no key update of locked) as x`,
  jsonOfRows: (columns) =>
    `coalesce(json_agg(json_build_array(${columns.join(', ')})), '[]')::text`,
  textsFromJson: '(select json_array_elements_text(?::json))',
  skipLocked: 'for update skip locked',
}
