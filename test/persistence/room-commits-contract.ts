import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { receiptLifeMs } from '../../persistence/store.ts'
import { createGroupCommit } from '../../server/rooms/group-commit.ts'
import {
  activeCall,
  commitOf,
  keyOf,
  message,
  newRoom,
  receipt,
  stepOf,
  t0,
} from './room-commits.ts'
import type { TestDatabase } from './test-database.ts'

/** Many rooms in one transaction, each all or nothing. */
export function roomCommitsContract(database: TestDatabase): void {
  const rooms = () => database.store.rooms

  async function createRooms(...roomIds: string[]): Promise<void> {
    for (const roomId of roomIds) await rooms().create(newRoom(roomId), [])
  }

  test('R2 of two processes that commit the same version exactly one wins', async () => {
    const other = await database.another()
    await createRooms('r1')
    for (let version = 0; version < 10; version += 1) {
      const [mine, theirs] = await Promise.all([
        rooms().commit([commitOf('r1', version, { facts: [message(version + 1, 'mine')] })]),
        other.rooms.commit([commitOf('r1', version, { facts: [message(version + 1, 'theirs')] })]),
      ])
      expect([...mine, ...theirs].toSorted()).toEqual(['committed', 'conflict'])
      const winner = mine[0] === 'committed' ? 'mine' : 'theirs'
      expect(await rooms().fact('r1', version + 1)).toMatchObject({ text: winner })
    }
    expect((await rooms().load('r1', {}))?.room).toMatchObject({ version: 10, seq: 10 })
  })

  test('a room whose version moved is left out, and the others of its batch are written', async () => {
    await createRooms('r1', 'r2', 'r3')
    await rooms().commit([commitOf('r2', 0, { facts: [message(1, 'first')] })])
    const outcomes = await rooms().commit([
      commitOf('r1', 0, { facts: [message(1, 'one')] }),
      commitOf('r2', 0, {
        facts: [message(1, 'late')],
        membersAdded: [{ userId: 'bo', joinedAt: t0 }],
        receipts: [receipt('late')],
      }),
      commitOf('unknown', 0),
      commitOf('r3', 0, { facts: [message(1, 'three')] }),
    ])
    expect(outcomes).toEqual(['committed', 'conflict', 'conflict', 'committed'])
    expect(await rooms().fact('r2', 1)).toMatchObject({ text: 'first' })
    expect(await rooms().load('r2', {})).toMatchObject({ room: { version: 1 }, receipts: [] })
    expect(await rooms().isMember('r2', 'bo')).toBe(false)
    expect(await rooms().fact('r3', 1)).toMatchObject({ text: 'three' })
    expect(await rooms().commit([])).toEqual([])
  })

  test('of two commits of one room in a batch only the first is tried', async () => {
    await createRooms('r1')
    const outcomes = await rooms().commit([
      commitOf('r1', 0, { facts: [message(1, 'first')] }),
      commitOf('r1', 0, { facts: [message(1, 'second')] }),
    ])
    expect(outcomes).toEqual(['committed', 'conflict'])
    expect(await rooms().fact('r1', 1)).toMatchObject({ text: 'first' })
  })

  test('R40 one room that cannot be written does not keep the others of its batch from it', async () => {
    await createRooms('r1', 'r2', 'r3')
    await rooms().commit([commitOf('r2', 0, { facts: [message(1, 'there')] })])
    const group = createGroupCommit({ store: rooms() })
    const results = await Promise.allSettled([
      group.submit(commitOf('r1', 0, { facts: [message(1, 'one')] })),
      // I7: number 1 is taken.
      group.submit(commitOf('r2', 1, { facts: [message(1, 'again')] })),
      group.submit(commitOf('r3', 0, { facts: [message(1, 'three')] })),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await rooms().fact('r1', 1)).toMatchObject({ text: 'one' })
    expect(await rooms().fact('r2', 1)).toMatchObject({ text: 'there' })
    expect((await rooms().load('r2', {}))?.room.version).toBe(1)
    expect(await rooms().fact('r3', 1)).toMatchObject({ text: 'three' })
  })

  test('R5 a commit that fails leaves nothing, and its error tells nothing of what was in it', async () => {
    await createRooms('r1')
    const failing = commitOf('r1', 0, {
      facts: [message(1, 'between us'), message(1, 'twice')],
      call: activeCall('c1'),
      keysMinted: [keyOf('c1', 0, 'c2VhbGVk')],
      receipts: [receipt('key', t0, 'answer')],
    })
    const error: unknown = await rooms()
      .commit([failing])
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(
      /between us|c2VhbGVk|answer/,
    )
    expect(await rooms().load('r1', {})).toMatchObject({
      room: { version: 0, seq: 0 },
      call: null,
      receipts: [],
    })
    expect(await rooms().factsAfter('r1', 0, 10)).toEqual([])
    expect(await database.store.calls.key('c1')).toBeUndefined()
  })

  test('R23 the same webhook is known after a restart, until a day later', async () => {
    await createRooms('r1')
    await rooms().commit([commitOf('r1', 0, { receipts: [receipt('webhook:1', t0, 'done')] })])
    await database.restart()

    const webhook = { receipts: ['webhook:1', 'webhook:2'] }
    expect((await rooms().load('r1', { ...webhook, receiptsSince: t0 }))?.receipts).toEqual([
      receipt('webhook:1', t0, 'done'),
    ])
    expect((await rooms().load('r1', { ...webhook, receiptsSince: t0 + 1 }))?.receipts).toEqual([])
    const again = commitOf('r1', 1, {
      facts: [message(1, 'twice')],
      receipts: [receipt('webhook:2', t0 + 9), receipt('webhook:1', t0 + 9)],
    })
    expect(await rooms().commit([again])).toEqual(['conflict'])
    expect(await rooms().load('r1', { ...webhook, receiptsSince: t0 + 9 })).toMatchObject({
      room: { version: 1 },
      receipts: [],
    })

    const nextDay = t0 + receiptLifeMs + 1
    const other = commitOf('r1', 1, { receipts: [receipt('webhook:1', nextDay, 'anew')] })
    expect(await rooms().commit([other])).toEqual(['committed'])
    expect((await rooms().load('r1', { ...webhook, receiptsSince: nextDay }))?.receipts).toEqual([
      receipt('webhook:1', nextDay, 'anew'),
    ])
  })

  test('a room is renamed, handed over, made private and deleted; people come and go', async () => {
    await createRooms('r1')
    await rooms().commit([
      commitOf('r1', 0, {
        room: { name: 'Kitchen', visibility: 'private', ownerId: 'bo' },
        membersAdded: [
          { userId: 'bo', joinedAt: t0 + 2 },
          { userId: 'chen', joinedAt: t0 + 1 },
        ],
        membersRemoved: ['ada'],
      }),
    ])
    const everybody = { members: ['ada', 'bo', 'chen'] }
    expect(await rooms().load('r1', { ...everybody, heirOf: 'chen' })).toMatchObject({
      heir: 'bo',
      room: { name: 'Kitchen', visibility: 'private', ownerId: 'bo', deletedAt: null, version: 1 },
      members: expect.arrayContaining([
        { userId: 'chen', joinedAt: t0 + 1 },
        { userId: 'bo', joinedAt: t0 + 2 },
      ]) as unknown,
    })
    expect((await rooms().load('r1', { heirOf: 'bo' }))?.heir).toBe('chen')
    await rooms().commit([
      commitOf('r1', 1, {
        room: { ownerId: null, deletedAt: t0 + 9 },
        membersRemoved: ['bo', 'chen'],
      }),
    ])
    expect(await rooms().load('r1', everybody)).toMatchObject({
      room: { name: 'Kitchen', ownerId: null, deletedAt: t0 + 9 },
      members: [],
    })
  })

  test('a room is read in one piece, however many commits go on', async () => {
    await createRooms('r1')
    const writing = (async () => {
      for (let seq = 1; seq <= 40; seq += 1) {
        await rooms().commit([
          commitOf('r1', seq - 1, {
            facts: [message(seq, 'hello')],
            membersAdded: [{ userId: `user${seq}`, joinedAt: t0 + seq }],
            receipts: [receipt(`request:${seq}`)],
            call: activeCall('c1', seq),
          }),
        ])
      }
    })()
    const numbers = Array.from({ length: 40 }, (_, i) => i + 1)
    const asked = {
      members: ['ada', ...numbers.map((n) => `user${n}`)],
      receipts: numbers.map((n) => `request:${n}`),
    }
    let seen = 0
    while (seen < 40) {
      const loaded = await rooms().load('r1', asked)
      seen = loaded?.room.version ?? 0
      expect(loaded?.room.seq).toBe(seen)
      // Ada, its owner, was there before.
      expect(loaded?.members.length).toBe(seen + 1)
      expect(loaded?.receipts.length).toBe(seen)
      expect(loaded?.call?.step ?? 0).toBe(seen)
    }
    await writing
  })

  test('two processes write the same rooms in opposite order, and nobody waits for ever', async () => {
    const other = await database.another()
    const ids = Array.from({ length: 30 }, (_, i) => `r${10 + i}`)
    await createRooms(...ids)
    for (let version = 0; version < 5; version += 1) {
      const batch = ids.map((roomId) =>
        commitOf(roomId, version, {
          facts: [message(version + 1, 'hello')],
          effects: [{ effectId: `e:${roomId}`, roomId, type: 't', payload: {}, dueAt: t0 }],
        }),
      )
      const [mine, theirs] = await Promise.all([
        rooms().commit(batch),
        other.rooms.commit(batch.toReversed()),
      ])
      const won = mine.map((outcome, i) => [outcome, theirs.at(-1 - i)].toSorted())
      expect(won).toEqual(ids.map(() => ['committed', 'conflict']))
    }
  })

  test('256 rooms are written by one commit, and what is asked for meanwhile waits its turn', async () => {
    const ids = Array.from({ length: 256 }, (_, i) => `r${1000 + i}`)
    await Promise.all(ids.map((roomId) => rooms().create(newRoom(roomId), [])))
    const [outcomes, , closed] = await Promise.all([
      rooms().commit(
        ids.map((roomId) =>
          commitOf(roomId, 0, {
            facts: [message(1, 'hello')],
            call: activeCall(`call ${roomId}`),
            steps: [stepOf(roomId, `call ${roomId}`, 1)],
            receipts: [receipt('first')],
          }),
        ),
      ),
      database.store.installation.set('name', 'value'),
      database.store.rooms.load('r1000', {}),
    ])
    expect(new Set(outcomes)).toEqual(new Set(['committed']))
    expect([0, 1]).toContain(closed?.room.version)
    expect(await database.store.installation.get('name')).toBe('value')
    expect((await database.store.calls.active()).length).toBe(256)
  })
}
