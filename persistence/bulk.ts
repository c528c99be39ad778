/** Many rows by one statement and one JSON parameter: the hot path of every commit. */
import type { EntityMetadata, EntitySchema, MetadataStorage } from '@mikro-orm/core'
import type { Columns, ColumnType, Dialect } from './dialect.ts'
import { JsonText } from './entities/json-text.ts'

/** What an entity keeps, by property. */
export type RowOf<E> = { readonly [K in keyof E & string]: E[K] }

/** Makes a statement that inserts all rows of one JSON parameter; `tail`: what to do on a conflict, what to give back. */
export type InsertFromJson = <E>(entity: EntitySchema<E>, tail: string) => string

/** Tables and columns come from the entities, so that they are written down once. */
export function createInsertFromJson(dialect: Dialect, metadata: MetadataStorage): InsertFromJson {
  const statements = new Map<string, string>()

  function toStatement(entity: EntityMetadata, tail: string): string {
    const names: string[] = []
    const types: Record<string, ColumnType> = {}
    for (const property of entity.props) {
      names.push(property.fieldNames[0] ?? property.name)
      types[property.name] = toColumnType(property)
    }
    const columns: Columns = types
    const values = Object.keys(columns).map((name) => `x."${name}"`)
    // `where true` keeps SQLite from reading `on conflict` as part of a join.
    return (
      `insert into ${entity.tableName} (${names.join(', ')}) select ${values.join(', ')} ` +
      `from ${dialect.rowsFromJson(columns)} where true ${tail}`
    )
  }

  return (entity, tail) => {
    const { className, tableName } = entity.meta
    const key = `${tableName} ${tail}`
    const known = statements.get(key)
    if (known !== undefined) return known
    const statement = toStatement(metadata.get(className), tail)
    statements.set(key, statement)
    return statement
  }
}

function toColumnType(property: EntityMetadata['props'][number]): ColumnType {
  if (property.customType instanceof JsonText) return 'json'
  switch (property.runtimeType) {
    case 'boolean':
      return 'boolean'
    case 'number':
      return 'double precision'
    default:
      return 'text'
  }
}

/**
 * PostgreSQL holds neither U+0000 nor half a surrogate pair. Our own input has neither; what a
 * LiveKit report names might, and becomes the replacement character on both databases.
 */
export function toJson(rows: readonly object[]): string {
  const json = JSON.stringify(rows)
  if (!json.includes('\\u0000') && !json.includes('\\ud')) return json
  return json.replaceAll(/(\\\\)|\\u(?:0000|d[89a-f][0-9a-f]{2})/g, (_, backslash?: string) =>
    backslash === undefined ? '\\ufffd' : backslash,
  )
}
