/**
 * The peer of the benches that commit: the rows of as many events, as our server writes them, by bare
 * sqlite3 with json_each, one transaction a group, synchronous = FULL. Arguments: a database to take
 * the rows' shape from, how many events, how many in a group. Tells its parent the events a second.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite3 from 'sqlite3'

const [like = '', events = '0', group = '1'] = process.argv.slice(2)
type Row = Record<string, unknown>

function open(path: string): Promise<sqlite3.Database> {
  return new Promise((resolve, reject) => {
    const database: sqlite3.Database = new sqlite3.Database(path, (error) =>
      error ? reject(error) : resolve(database),
    )
  })
}
const all = (database: sqlite3.Database, sql: string, params: unknown[] = []) =>
  new Promise<Row[]>((resolve, reject) => {
    database.all(sql, params, (error: Error | null, rows: Row[]) =>
      error ? reject(error) : resolve(rows),
    )
  })

const model = await open(like)
const tables = await all(
  model,
  `select name, sql from sqlite_master where type = 'table'
   and name in ('rooms', 'facts', 'calls', 'call_connections', 'call_people', 'steps', 'receipts')`,
)
const indexes = await all(
  model,
  `select sql from sqlite_master where type = 'index' and sql is not null
   and tbl_name in ('rooms', 'facts', 'calls', 'call_connections', 'call_people', 'steps', 'receipts')`,
)
const rooms = await all(model, `select * from rooms where room_id in (select room_id from calls)`)
const calls = await all(model, `select * from calls`)
const [connection] = await all(model, `select * from call_connections limit 1`)
const [person] = await all(model, `select * from call_people limit 1`)
const [fact] = await all(model, `select * from facts where type like 'participant.%' limit 1`)
const [step] = await all(model, `select * from steps order by step desc limit 1`)
const [receipt] = await all(model, `select * from receipts limit 1`)

const folder = mkdtempSync(join(tmpdir(), 'chatto-raw-'))
const raw = await open(join(folder, 'raw.db'))
for (const pragma of [
  'journal_mode = wal',
  'synchronous = full',
  'secure_delete = on',
  'cache_size = -65536',
  'wal_autocheckpoint = 8192',
]) {
  await all(raw, `pragma ${pragma}`)
}
for (const { sql } of [...tables, ...indexes]) await all(raw, String(sql))

const columnsOf = (row: Row | undefined) => Object.keys(row ?? {})
const insert = (table: string, row: Row | undefined, tail = '') => {
  const columns = columnsOf(row)
  const values = columns.map((column) => `value->>'$.${column}'`)
  return `insert into ${table} (${columns.join(', ')}) select ${values.join(', ')} from json_each(?) where true ${tail}`
}
await all(raw, insert('rooms', rooms[0]), [JSON.stringify(rooms)])

const upsert = insert(
  'calls',
  calls[0],
  'on conflict (call_id) do update set step = excluded.step, envelope = excluded.envelope, due_at = excluded.due_at',
)
const statements = {
  connections: insert(
    'call_connections',
    connection,
    'on conflict (call_id, identity) do update set connection = excluded.connection',
  ),
  people: insert(
    'call_people',
    person,
    'on conflict (call_id, user_id) do update set person = excluded.person',
  ),
  facts: insert('facts', fact),
  steps: insert('steps', step),
  receipts: insert('receipts', receipt),
}
const count = Number(events)
const size = Number(group)
const began = performance.now()
for (let first = 0; first < count; first += size) {
  const numbers = Array.from({ length: Math.min(size, count - first) }, (_, i) => first + i)
  const callOf = (i: number) => calls[i % calls.length] ?? {}
  await all(raw, 'begin immediate')
  await all(
    raw,
    `update rooms set version = version + 1, seq = seq + 1, last_at = x.at, changed_at = x.at
     from (select value->>'$.room_id' as room_id, value->>'$.at' as at from json_each(?)) as x
     where rooms.room_id = x.room_id returning rooms.room_id`,
    [JSON.stringify(numbers.map((i) => ({ room_id: callOf(i)['room_id'], at: i })))],
  )
  const rows = (row: Row | undefined, change: (i: number) => Row) =>
    JSON.stringify(numbers.map((i) => ({ ...row, ...change(i) })))
  await all(raw, statements.receipts, [
    rows(receipt, (i) => ({ room_id: callOf(i)['room_id'], receipt_key: `webhook:EV_${i}` })),
  ])
  await all(raw, statements.facts, [
    rows(fact, (i) => ({ room_id: callOf(i)['room_id'], seq: 1_000 + i })),
  ])
  await all(raw, upsert, [
    JSON.stringify([
      ...new Map(numbers.map((i) => [callOf(i)['call_id'], { ...callOf(i), step: i }])).values(),
    ]),
  ])
  await all(raw, statements.connections, [
    rows(connection, (i) => ({ call_id: callOf(i)['call_id'], identity: `user${i % 256}:page` })),
  ])
  await all(raw, statements.people, [
    rows(person, (i) => ({ call_id: callOf(i)['call_id'], user_id: `user${i % 256}` })),
  ])
  await all(raw, statements.steps, [
    rows(step, (i) => ({ call_id: callOf(i)['call_id'], step: 1_000 + i })),
  ])
  await all(raw, 'commit')
}
const perSecond = count / ((performance.now() - began) / 1000)
rmSync(folder, { recursive: true })
process.send?.(perSecond, () => process.exit(0))
