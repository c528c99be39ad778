import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { EntityManager } from '@mikro-orm/core'
import { SettingEntity } from '../../persistence/entities/settings.ts'
import { openDatabase, openStore } from '../../persistence/open-store.ts'
import { activeCall, commitOf, endedCall, keyOf, newRoom, t0 } from './room-commits.ts'
import { storeContract } from './store-contract.ts'

const base = mkdtempSync(join(tmpdir(), 'chatto-sqlite-'))
afterAll(() => rmSync(base, { recursive: true }))

let files = 0
const freshPath = () => join(base, `${(files += 1)}`, 'chatto.db')

storeContract('SQLite', () => Promise.resolve(`sqlite:${freshPath()}`))

describe('SQLite alone', () => {
  let path = ''
  beforeEach(() => {
    path = freshPath()
  })

  /** The database with its WAL and index, as somebody who steals the disk reads them. */
  const bytesOnDisk = () =>
    readdirSync(join(path, '..'))
      .map((name) => readFileSync(join(path, '..', name)).toString('latin1'))
      .join()

  test('R43 after a scrub no shredded key is left in the files', async () => {
    const store = await openStore(`sqlite:${path}`)
    const secret = 'c2hyZWRkZWQga2V5IG1hdGVyaWFs'.repeat(3)
    await store.rooms.create(newRoom('r1'), [])
    await store.rooms.commit([
      commitOf('r1', 0, { call: activeCall('c1'), keysMinted: [keyOf('c1', 0, secret)] }),
    ])
    // Once in the database itself, once in the WAL.
    await store.scrub()
    await store.rooms.commit([
      commitOf('r1', 1, { call: activeCall('c1', 2), keysMinted: [keyOf('c1', 1, secret)] }),
    ])
    expect(bytesOnDisk().split(secret).length).toBeGreaterThan(2)

    await store.rooms.commit([
      commitOf('r1', 2, { call: endedCall('c1', 3), keysShredded: [{ callId: 'c1', at: t0 }] }),
    ])
    await store.scrub()
    expect(statSync(`${path}-wal`).size).toBe(0)
    expect(bytesOnDisk()).not.toContain(secret.slice(0, 28))
    await store.close()
  })

  test('R43 a scrub that somebody keeps from truncating says so', { timeout: 60_000 }, async () => {
    const database = await openDatabase(`sqlite:${path}`)
    const other = await openDatabase(`sqlite:${path}`)
    await database.writeAlone((sql) => sql('pragma busy_timeout = 1'))
    await other.write(async ({ sql }) => {
      await sql(`insert into settings values ('a', 'b')`)
      const [row] = await database.writeAlone((sql) =>
        sql<{ busy: number }>('pragma wal_checkpoint(truncate)'),
      )
      expect(row?.busy).toBe(1)
    })
    await database.close()
    await other.close()
  })

  test('commits are durable, deleted bytes are overwritten, references are checked', async () => {
    const database = await openDatabase(`sqlite:${path}`)
    const pragma = async (name: string) =>
      Object.values((await database.writeAlone((sql) => sql(`pragma ${name}`)))[0] ?? {})[0]
    expect(await pragma('journal_mode')).toBe('wal')
    expect(await pragma('synchronous')).toBe(2)
    expect(await pragma('secure_delete')).toBe(1)
    expect(await pragma('foreign_keys')).toBe(1)
    expect(await pragma('busy_timeout')).toBe(5000)
    await database.close()
  })

  test('a COMMIT that fails is a failure, not a riddle, and the next one works', async () => {
    const database = await openDatabase(`sqlite:${path}`)
    const failing = database.write(async ({ sql }) => {
      await sql('pragma defer_foreign_keys = on')
      await sql(`insert into members values ('nowhere', 'ada', 1)`)
    })
    await expect(failing).rejects.toMatchObject({
      name: 'DatabaseError',
      code: 'SQLITE_CONSTRAINT',
    })
    await database.write(({ sql }) => sql(`insert into settings values ('a', 'b')`))
    expect(await database.sql('select * from members')).toEqual([])
    expect(await database.sql('select * from settings')).toEqual([{ name: 'a', value: 'b' }])
    await database.close()
  })

  test('a read does not wait for a write that is going on', async () => {
    const database = await openDatabase(`sqlite:${path}`)
    await database.write(async ({ sql }) => {
      await sql(`insert into settings values ('a', 'b')`)
      expect(await database.sql('select * from settings')).toEqual([])
    })
    expect(await database.sql('select * from settings')).toHaveLength(1)
    await database.close()
  })

  test('a statement that is kept works after it failed, beside itself, and when its table has changed', async () => {
    const database = await openDatabase(`sqlite:${path}`)
    const insert = (name: string) =>
      database.write(({ sql }) => sql('insert into settings values (?, ?)', [name, `of ${name}`]))
    for (const name of ['a', 'b', 'c']) await insert(name)
    await expect(insert('a')).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT' })
    await insert('d')

    const read = (name: string) =>
      database.sql<{ value: string }>('select value from settings where name = ?', [name])
    for (const name of ['a', 'b']) await read(name)
    const found = await Promise.all(['d', 'c', 'nobody', 'a'].map(read))
    expect(found.map((rows) => rows.map(({ value }) => value).join())).toEqual([
      'of d',
      'of c',
      '',
      'of a',
    ])

    const first = () => database.sql('select * from settings order by name limit 1')
    for (let i = 0; i < 3; i++) expect(await first()).toEqual([{ name: 'a', value: 'of a' }])
    await database.writeAlone((sql) =>
      sql(`alter table settings add column note text default 'new'`),
    )
    expect(await first()).toEqual([{ name: 'a', value: 'of a', note: 'new' }])
    await database.close()
  })

  test('a write that finds the database locked fails, and lets go of all that it had', async () => {
    const database = await openDatabase(`sqlite:${path}`)
    const other = await openDatabase(`sqlite:${path}`)
    await database.writeAlone((sql) => sql('pragma busy_timeout = 1'))
    const insert = (name: string) =>
      database.write(({ sql }) => sql(`insert into settings values (?, '')`, [name]))
    for (const name of ['a', 'b', 'c']) await insert(name)
    await other.write(async ({ sql }) => {
      await sql(`insert into settings values ('d', '')`)
      await expect(insert('e')).rejects.toMatchObject({ code: 'SQLITE_BUSY' })
    })
    await database.write(({ sql }) => sql(`update settings set value = 'changed'`))
    expect(await other.sql('select distinct value from settings')).toEqual([{ value: 'changed' }])
    const [done] = await other.writeAlone((sql) =>
      sql<{ busy: number }>('pragma wal_checkpoint(truncate)'),
    )
    expect(done?.busy).toBe(0)
    await database.close()
    await other.close()
  })

  test('a database closes while its statements are being prepared, and then refuses', async () => {
    const database = await openDatabase(`sqlite:${path}`)
    const reads = [1, 2, 3].map(() => database.sql('select name from settings'))
    await database.close()
    expect(await Promise.all(reads)).toEqual([[], [], []])
    await expect(database.sql('select name from settings')).rejects.toBeInstanceOf(Error)
    await expect(openStore(`sqlite:${path}`).then((store) => store.close())).resolves.toBe(
      undefined,
    )
  })

  test('what MikroORM reads within a transaction is what the transaction wrote', async () => {
    const database = await openDatabase(`sqlite:${path}`)
    const count = (em: EntityManager) => em.count(SettingEntity)
    await database.write(async (transaction) => {
      await transaction.sql(`insert into settings values ('a', 'b')`)
      expect(await count(transaction.em)).toBe(1)
      expect(await database.read(count)).toBe(0)
    })
    expect(await database.read(count)).toBe(1)
    await database.close()
  })

  test('nobody else on the machine may read the files', async () => {
    const store = await openStore(`sqlite:${path}`)
    await store.installation.set('a', 'b')
    for (const file of [path, `${path}-wal`, `${path}-shm`]) {
      expect(statSync(file).mode & 0o077).toBe(0)
    }
    await store.close()
  })

  test('a database that cannot be opened is named in one line, with the reason', async () => {
    const file = join(base, 'a-file')
    writeFileSync(
      file,
      'no database, but a text that is long enough to be taken for one'.repeat(20),
    )
    const cases: [string, RegExp][] = [
      [`sqlite:${file}`, /^the SQLite database .*a-file cannot be opened: .*not a database/],
      [`sqlite:${file}/in/a/file.db`, /cannot be opened: .*ENOTDIR/],
      [`sqlite:${base}`, /cannot be opened: .*EISDIR/],
      ['sqlite:chatto.db', /absolute/],
      ['mysql://ada:secret@host/name', /^the database url must be sqlite:/],
    ]
    for (const [url, reason] of cases) {
      const error = await openStore(url).then(
        () => null,
        (thrown: unknown) => thrown,
      )
      if (!(error instanceof Error)) throw new Error(`${url} was opened`)
      expect(error.message).toMatch(reason)
      expect(error.message).not.toMatch(/\n|secret/)
    }
  })
})
