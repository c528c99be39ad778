import { expect, test } from 'vitest'
import { activeCall, commitOf, message, newRoom, receipt, t0 } from './room-commits.ts'
import type { TestDatabase } from './test-database.ts'

/** Rooms as they are made, listed and read. */
export function roomsContract(database: TestDatabase): void {
  const rooms = () => database.store.rooms

  test('Ada makes a room and is its first member', async () => {
    expect(await rooms().create(newRoom('r1'), ['bo'])).toBe('committed')
    const loaded = await rooms().load('r1', { members: ['ada', 'bo', 'chen'], heirOf: 'ada' })
    expect(loaded).toEqual({
      room: {
        ...newRoom('r1'),
        deletedAt: null,
        version: 0,
        seq: 0,
        lastAt: t0,
      },
      members: [
        { userId: 'ada', joinedAt: t0 },
        { userId: 'bo', joinedAt: t0 },
      ],
      heir: 'bo',
      isAsKnown: false,
      call: null,
      receipts: [],
    })
    expect(await rooms().load('elsewhere', {})).toBeUndefined()
  })

  test('Ada and Bo open a direct message with each other at once: one is made, both find it', async () => {
    const other = await database.another()
    const dm = { kind: 'dm', visibility: 'private', ownerId: null, dmKey: 'ada:bo' } as const
    const outcomes = await Promise.all([
      rooms().create(newRoom('dm1', dm), ['ada', 'bo']),
      other.rooms.create(newRoom('dm2', dm), ['ada', 'bo']),
    ])
    expect(outcomes.toSorted()).toEqual(['committed', 'conflict'])
    const found = await rooms().findDm('ada:bo')
    expect(found?.memberCount).toBe(2)
    expect((await rooms().listOf('ada')).map(({ room }) => room.roomId)).toEqual([
      found?.room.roomId,
    ])
  })

  test('R3 lists show my rooms, and the public ones that I could join', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().create(newRoom('r2', { ownerId: 'bo' }), [])
    await rooms().create(newRoom('r3', { ownerId: 'bo', visibility: 'private' }), [])
    await rooms().create(newRoom('r4', { ownerId: 'bo' }), [])
    await rooms().create(
      newRoom('r5', { kind: 'dm', ownerId: null, dmKey: 'bo:chen', visibility: 'public' }),
      ['bo', 'chen'],
    )
    await rooms().commit([commitOf('r4', 0, { room: { deletedAt: t0 + 5 } })])
    await rooms().commit([commitOf('r1', 0, { call: activeCall('c1') })])

    const ids = (list: { room: { roomId: string } }[]) => list.map(({ room }) => room.roomId)
    const mine = await rooms().listOf('ada')
    expect(ids(mine)).toEqual(['r1'])
    expect(mine[0]).toMatchObject({ memberCount: 1, call: { callId: 'c1', people: [] } })
    expect(mine[0]?.call?.envelope).toEqual(activeCall('c1').envelope)
    expect(ids(await rooms().listPublic('ada'))).toEqual(['r2'])
    expect((await rooms().find('r4'))?.room.deletedAt).toBe(t0 + 5)
  })

  test('members are the people with their names; who is where is known by user', async () => {
    const { accounts } = database.store
    for (const login of ['ada', 'bo']) {
      const user = { id: login, login, displayName: `${login}!`, createdAt: t0 }
      await accounts.register(user, 'hash', { mayBeFirst: true, effects: [] })
    }
    await rooms().create(newRoom('r1'), ['bo'])
    await rooms().create(newRoom('r2'), [])
    expect((await rooms().members('r1')).map((user) => user.displayName)).toEqual(['ada!', 'bo!'])
    expect(await rooms().isMember('r2', 'ada')).toBe(true)
    expect(await rooms().isMember('r2', 'bo')).toBe(false)
    const byUser = await rooms().roomIdsOf(['ada', 'bo', 'chen'])
    expect(byUser.get('ada')?.toSorted()).toEqual(['r1', 'r2'])
    expect(byUser.get('bo')).toEqual(['r1'])
    expect(byUser.get('chen')).toEqual([])
    expect(await rooms().roomIdsOf([])).toEqual(new Map())
  })

  test('R47, R48 the log is read by number, the history by page', async () => {
    await rooms().create(newRoom('r1'), [])
    const facts = Array.from({ length: 9 }, (_, i) => message(i + 1, `${i + 1}`))
    facts[3] = {
      seq: 4,
      type: 'participant.joined',
      at: t0 + 4,
      by: 'ada',
      source: 'user',
      callId: 'c1',
      userId: 'ada',
      connectionId: 'p1',
    }
    await rooms().commit([commitOf('r1', 0, { facts })])

    expect(await rooms().factsAfter('r1', 3, 2)).toEqual([facts[3], facts[4]])
    expect(await rooms().factsAfter('r1', 9, 2)).toEqual([])
    expect(await rooms().fact('r1', 4)).toEqual(facts[3])
    expect(await rooms().fact('r1', 10)).toBeUndefined()

    const numbers = (page: { seq: number }[]) => page.map(({ seq }) => seq)
    expect(numbers(await rooms().timeline('r1', null, 4))).toEqual([6, 7, 8, 9])
    expect(numbers(await rooms().timeline('r1', 6, 3))).toEqual([2, 3, 5])
    expect(numbers(await rooms().timeline('r1', 2, 3))).toEqual([1])
    expect(await rooms().timeline('r1', 1, 3)).toEqual([])
    expect(numbers(await rooms().timeline('r1', Number.MAX_SAFE_INTEGER, 1))).toEqual([9])
  })

  test('Ada writes what is hard to quote, and reads it as she wrote it', async () => {
    await rooms().create(newRoom('r1', { name: `Ada's "room" ?? \\? $1 🎉` }), [])
    const text = `it's a "quote" ?, \\' and \\u0000 and ??, $1 \n 🎉 ; drop table facts --`
    await rooms().commit([
      commitOf('r1', 0, {
        facts: [message(1, text)],
        room: { name: `don't ?` },
        receipts: [receipt('key ?', t0, text), receipt('null', t0, null), receipt('one', t0, 1)],
      }),
    ])
    expect(await rooms().fact('r1', 1)).toEqual(message(1, text))
    const loaded = await rooms().load('r1', { receipts: ['key ?', 'null', 'one', 'two'] })
    expect(loaded?.room.name).toBe(`don't ?`)
    expect(new Map(loaded?.receipts.map(({ key, result }) => [key, result]))).toEqual(
      new Map<string, unknown>([
        ['key ?', text],
        ['null', null],
        ['one', 1],
      ]),
    )
  })

  test('what a database cannot hold becomes the replacement character', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().commit([commitOf('r1', 0, { facts: [message(1, 'a\0b\ud83dc')] })])
    expect(await rooms().fact('r1', 1)).toEqual(message(1, 'a\ufffdb\ufffdc'))
  })

  test('another process notices a changed room by the clock of the database', async () => {
    const other = await database.another()
    await rooms().create(newRoom('r1'), [])
    const before = await other.rooms.now()
    await rooms().commit([commitOf('r1', 0, { facts: [message(1, 'hello')] })])
    expect(await other.rooms.changedSince(before)).toContainEqual({
      roomId: 'r1',
      version: 1,
      seq: 1,
    })
    expect(await other.rooms.changedSince(before + 60_000)).toEqual([])
    expect(await rooms().now()).toBeGreaterThanOrEqual(before)
  })
}
