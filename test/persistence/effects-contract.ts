import { expect, test } from 'vitest'
import type { NewEffect } from '../../persistence/store.ts'
import { commitOf, newRoom, receipt, t0 } from './room-commits.ts'
import type { TestDatabase } from './test-database.ts'

const effect = (effectId: string, more: Partial<NewEffect> = {}): NewEffect => ({
  effectId,
  roomId: 'r1',
  type: 'livekit.evict',
  payload: { effectId },
  dueAt: t0,
  ...more,
})

/** What commits leave to be done, and what the installation knows of itself. */
export function effectsContract(database: TestDatabase): void {
  const effects = () => database.store.effects
  const rooms = () => database.store.rooms
  const installation = () => database.store.installation

  test('an effect is written with its commit, taken when it is due, and done once', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().commit([
      commitOf('r1', 0, { effects: [effect('b', { dueAt: t0 + 2 }), effect('a')] }),
    ])
    await effects().add([effect('c', { dueAt: t0 + 9, roomId: null })])
    await effects().add([])
    expect(await effects().nextDueAt()).toBe(t0)

    const due = await effects().claimDue(t0 + 5, 1_000, 10)
    expect(due).toEqual([
      { ...effect('a'), attempts: 0 },
      { ...effect('b', { dueAt: t0 + 2 }), attempts: 0 },
    ])
    await effects().done(due.map(({ effectId }) => effectId))
    await effects().done([])
    expect(await effects().nextDueAt()).toBe(t0 + 9)
    await effects().done(['c'])
    expect(await effects().nextDueAt()).toBeNull()
  })

  test('what a process took comes again when its lease is over, or when it asks for that', async () => {
    await effects().add([effect('a')])
    expect(await effects().claimDue(t0, 1_000, 10)).toHaveLength(1)
    expect(await effects().nextDueAt()).toBe(t0 + 1_000)
    expect(await effects().claimDue(t0 + 999, 1_000, 10)).toEqual([])
    expect(await effects().claimDue(t0 + 1_000, 1_000, 10)).toMatchObject([{ attempts: 1 }])

    await effects().retry('a', t0 + 1_100)
    expect(await effects().nextDueAt()).toBe(t0 + 1_100)
    expect(await effects().claimDue(t0 + 1_099, 1_000, 10)).toEqual([])
    expect(await effects().claimDue(t0 + 1_100, 1_000, 10)).toMatchObject([{ attempts: 2 }])
  })

  test('two processes never take the same effect', async () => {
    const other = await database.another()
    await effects().add(Array.from({ length: 60 }, (_, i) => effect(`e${i}`)))
    const taken = await Promise.all(
      [effects(), other.effects, effects(), other.effects].flatMap((store) => [
        store.claimDue(t0, 60_000, 10),
        store.claimDue(t0, 60_000, 10),
      ]),
    )
    const ids = taken.flat().map(({ effectId }) => effectId)
    expect(new Set(ids).size).toBe(ids.length)
    const left = await effects().claimDue(t0, 60_000, 60)
    expect(ids.length + left.length).toBe(60)
  })

  test('what waits already is not asked for twice', async () => {
    await effects().add([effect('a')])
    await effects().add([effect('a', { dueAt: t0 + 9 }), effect('b')])
    expect((await effects().claimDue(t0, 1_000, 10)).map(({ effectId }) => effectId)).toEqual([
      'a',
      'b',
    ])
  })

  test('R33 the open evictions of a call are counted, and only its own', async () => {
    await effects().add([
      effect('evict:c_1:ada:p1'),
      effect('evict:c_1:bo:p1'),
      effect('evict:cx1:ada:p1'),
      effect('close:c_1', { type: 'livekit.close-room' }),
      effect(`evict:c_2:${'x'.repeat(1_000)}`),
    ])
    expect(await effects().openEvictions('c_1')).toBe(2)
    expect(await effects().openEvictions('c_2')).toBe(1)
    expect(await effects().openEvictions('c_3')).toBe(0)
  })

  test('old receipts are trimmed', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().commit([
      commitOf('r1', 0, { receipts: [receipt('old', t0), receipt('new', t0 + 1)] }),
    ])
    await effects().trim(t0 + 1, 10, 10)
    expect((await rooms().load('r1', { receipts: ['old', 'new'] }))?.receipts).toEqual([
      receipt('new', t0 + 1),
    ])
  })

  test('R24 the installation has one id, for two processes that ask first, and after a restart', async () => {
    const other = await database.another()
    const [mine, theirs] = await Promise.all([installation().id(), other.installation.id()])
    expect(mine).toMatch(/^[0-9a-f]{16}$/)
    expect(theirs).toBe(mine)
    await database.restart()
    expect(await installation().id()).toBe(mine)
  })

  test('R41 another key-encryption key than the first one is noticed', async () => {
    expect(await installation().acceptKeyFingerprint('one')).toBe(true)
    await database.restart()
    expect(await installation().acceptKeyFingerprint('two')).toBe(false)
    expect(await installation().acceptKeyFingerprint('one')).toBe(true)
  })

  test('a setting is kept, and changed', async () => {
    expect(await installation().get('lounge')).toBeUndefined()
    await installation().set('lounge', 'r1')
    await installation().set('lounge', 'r2')
    await database.restart()
    expect(await installation().get('lounge')).toBe('r2')
  })
}
