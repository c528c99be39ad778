import { Migration } from '@mikro-orm/migrations'
import { expect, test } from 'vitest'
import { openDatabase, openStore } from '../../persistence/open-store.ts'
import { commitOf, message, newRoom, receipt } from './room-commits.ts'
import type { TestDatabase } from './test-database.ts'

class Later extends Migration {
  override up(): void {
    this.addSql('alter table rooms add column topic text')
  }
}
const later = [{ name: '9999-later', class: Later }]

/** Databases of this, an older and a newer program. */
export function openingContract(database: TestDatabase): void {
  test('R49 everything is there after a restart', async () => {
    const { rooms, accounts } = database.store
    await rooms.create(newRoom('r1'), ['bo'])
    await rooms.commit([
      commitOf('r1', 0, { facts: [message(1, 'hello')], receipts: [receipt('key')] }),
    ])
    await accounts.register({ id: 'ada', login: 'ada', displayName: 'Ada', createdAt: 1 }, 'hash', {
      mayBeFirst: true,
      effects: [],
    })
    const before = await rooms.load('r1', {})
    await database.restart()
    expect(await database.store.rooms.load('r1', {})).toEqual(before)
    expect(await database.store.rooms.factsAfter('r1', 0, 10)).toEqual([message(1, 'hello')])
    expect(await database.store.accounts.findByLogin('ada')).toMatchObject({ id: 'ada' })
    await database.store.ping()
  })

  test('a database of an older program opens in a newer one, with what it held', async () => {
    await database.store.rooms.create(newRoom('r1'), [])
    const newer = await openDatabase(database.url, later)
    try {
      expect(await newer.sql('select room_id, topic from rooms')).toEqual([
        { room_id: 'r1', topic: null },
      ])
    } finally {
      await newer.close()
    }
  })

  test('a database of a newer program is refused, in one sentence', async () => {
    await (await openDatabase(database.url, later)).close()
    await expect(openStore(database.url)).rejects.toThrow(
      /^[^\n]*made by a newer version of this program[^\n]*9999-later[^\n]*$/,
    )
  })

  test('two processes migrate the same database at once', async () => {
    const both = await Promise.all([
      openDatabase(database.url, later),
      openDatabase(database.url, later),
    ])
    await Promise.all(both.map((one) => one.close()))
  })

  test('what was asked to be written before the end is written', async () => {
    const other = await database.another()
    const written = other.installation.set('last', 'word')
    await other.close()
    await written
    expect(await database.store.installation.get('last')).toBe('word')
  })
}
