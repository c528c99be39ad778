import { expect, test } from 'vitest'
import { openDatabase } from '../../persistence/open-store.ts'
import { activeCall, commitOf, endedCall, keyOf, newRoom, stepOf, t0 } from './room-commits.ts'
import type { TestDatabase } from './test-database.ts'

/** Calls, their keys and steps, and the reports that counted for nothing. */
export function callsContract(database: TestDatabase): void {
  const rooms = () => database.store.rooms
  const calls = () => database.store.calls

  test('R33 a start finds the active calls, with what they owe', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().create(newRoom('r2'), [])
    await rooms().commit([
      commitOf('r1', 0, { call: activeCall('c1', 1, { dueAt: t0 + 45_000 }) }),
      commitOf('r2', 0, { call: endedCall('c2') }),
    ])
    await database.restart()
    expect(await calls().active()).toEqual([
      { callId: 'c1', roomId: 'r1', step: 1, dueAt: t0 + 45_000, startedAt: t0 },
    ])
    expect(await calls().stateOf('c1')).toBe('active')
    expect(await calls().stateOf('c2')).toBe('ended')
    // R39: a call that this database never knew.
    expect(await calls().stateOf('c3')).toBeUndefined()
  })

  test('R37 when a report was taken last, of whichever room; other receipts are none', async () => {
    expect(await calls().lastReportAt()).toBeNull()
    await rooms().create(newRoom('r1'), [])
    await rooms().create(newRoom('r2'), [])
    const receipt = (key: string, at: number) => ({ key, at, result: null })
    await rooms().commit([
      commitOf('r1', 0, { receipts: [receipt('webhook:EV_2', t0 + 20)] }),
      commitOf('r2', 0, {
        receipts: [receipt('webhook:EV_1', t0 + 10), receipt('commit:c1', t0 + 30)],
      }),
    ])
    expect(await calls().lastReportAt()).toBe(t0 + 20)
  })

  test('I1 a room has no second active call, whoever commits it', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().commit([commitOf('r1', 0, { call: activeCall('c1') })])
    await expect(rooms().commit([commitOf('r1', 1, { call: activeCall('c2') })])).rejects.toThrow()
    expect((await rooms().load('r1', {}))?.call?.callId).toBe('c1')
  })

  test('R51 a call’s connections and people are rows: written one by one, forgotten, gone with it', async () => {
    await rooms().create(newRoom('r1'), [])
    const person = (userId: string, place: number, person: unknown) => ({ userId, place, person })
    const read = async () => (await rooms().load('r1', {}))?.call
    await rooms().commit([
      commitOf('r1', 0, {
        call: activeCall('c1', 1, {
          connections: { 'ada:1': { at: 1 }, 'bo:1': { at: 2 } },
          people: [person('ada', 0, { shown: 'joining' }), person('bo', 1, { shown: 'joining' })],
        }),
      }),
    ])
    await rooms().commit([
      commitOf('r1', 1, {
        call: activeCall('c1', 2, {
          connections: { 'ada:1': { at: 3 }, 'bo:1': null },
          // The place of who is there already stays as it is.
          people: [person('ada', 9, null), person('chen', 2, { shown: 'connected' })],
        }),
      }),
    ])
    await database.restart()
    expect(await read()).toMatchObject({
      connections: [{ identity: 'ada:1', connection: { at: 3 } }],
      people: [
        person('ada', 0, null),
        person('bo', 1, { shown: 'joining' }),
        person('chen', 2, { shown: 'connected' }),
      ],
    })
    // Lists show who is there, and nothing of how.
    expect((await rooms().listOf('ada'))[0]?.call).toEqual({
      callId: 'c1',
      envelope: activeCall('c1', 2).envelope,
      people: [person('bo', 1, { shown: 'joining' }), person('chen', 2, { shown: 'connected' })],
    })
    // Who knows the version already does not read the call again.
    expect(await rooms().load('r1', {}, 2)).toMatchObject({ isAsKnown: true, call: null })
    expect(await rooms().load('r1', {}, 1)).toMatchObject({ isAsKnown: false, call: { step: 2 } })

    const more = { connections: { 'ada:2': { at: 4 } }, people: [person('ada', 0, {})] }
    await rooms().commit([
      commitOf('r1', 2, { endedCalls: [endedCall('c1', 3)], call: activeCall('c2', 1, more) }),
    ])
    expect(await read()).toMatchObject({
      callId: 'c2',
      connections: [{ identity: 'ada:2' }],
      people: [{ userId: 'ada' }],
    })
  })

  test('R15 a call ends and the next one begins in one commit', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().commit([commitOf('r1', 0, { call: activeCall('c1'), keysMinted: [keyOf('c1')] })])
    await rooms().commit([
      commitOf('r1', 1, {
        endedCalls: [endedCall('c1')],
        keysShredded: [{ callId: 'c1', at: t0 + 1_000 }],
        call: activeCall('c2'),
        keysMinted: [keyOf('c2')],
      }),
    ])
    expect((await rooms().load('r1', {}))?.call).toMatchObject({ callId: 'c2', step: 1 })
    expect(await calls().stateOf('c1')).toBe('ended')
    expect(await calls().key('c1')).toBeUndefined()
    expect(await calls().key('c2')).toEqual(keyOf('c2'))
  })

  test('I2, R42, R45 a key lives as long as its call; a receipt of it stays', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().commit([
      commitOf('r1', 0, { call: activeCall('c1'), keysMinted: [keyOf('c1', 0)] }),
    ])
    await rooms().commit([
      commitOf('r1', 1, { call: activeCall('c1', 2), keysMinted: [keyOf('c1', 1)] }),
    ])
    expect(await calls().key('c1')).toEqual(keyOf('c1', 1))

    const at = t0 + 1_000
    await rooms().commit([
      commitOf('r1', 2, { call: endedCall('c1', 3), keysShredded: [{ callId: 'c1', at }] }),
    ])
    expect(await calls().key('c1')).toBeUndefined()
    const beside = await openDatabase(database.url)
    try {
      expect(await beside.sql('select * from call_keys')).toEqual([])
      expect(await beside.sql('select * from key_receipts order by key_epoch')).toEqual([
        { call_id: 'c1', key_epoch: 0, minted_at: t0, shredded_at: t0 },
        { call_id: 'c1', key_epoch: 1, minted_at: t0, shredded_at: at },
      ])
    } finally {
      await beside.close()
    }
  })

  test('a call that began and ended within one commit leaves no key', async () => {
    await rooms().create(newRoom('r1'), [])
    await rooms().commit([
      commitOf('r1', 0, {
        endedCalls: [endedCall('c1')],
        keysMinted: [keyOf('c1')],
        keysShredded: [{ callId: 'c1', at: t0 }],
      }),
    ])
    expect(await calls().key('c1')).toBeUndefined()
    expect(await calls().stateOf('c1')).toBe('ended')
  })

  test('the steps of a call are read by number, as they were written', async () => {
    await rooms().create(newRoom('r1'), [])
    const steps = [1, 2, 3].map((step) => stepOf('r1', 'c1', step))
    steps[1] = { ...stepOf('r1', 'c1', 2), firstSeq: 4, lastSeq: 6 }
    await rooms().commit([commitOf('r1', 0, { call: activeCall('c1', 3), steps })])
    expect(await calls().steps('c1', 0, 10)).toEqual(steps)
    expect(await calls().steps('c1', 1, 1)).toEqual([steps[1]])
    expect(await calls().steps('c2', 0, 10)).toEqual([])
  })

  test('a chart is kept once for its hash', async () => {
    await calls().saveChart('hash', 'call', { states: ['active'] })
    await calls().saveChart('hash', 'call', { states: ['another'] })
    const beside = await openDatabase(database.url)
    try {
      const rows = await beside.sql<{ chart: string }>('select chart from charts')
      expect(rows.map(({ chart }) => JSON.parse(chart) as unknown)).toEqual([
        { states: ['active'] },
      ])
    } finally {
      await beside.close()
    }
  })

  test('R32 ignored reports are kept newest first, and only so many', async () => {
    await rooms().create(newRoom('r1'), [])
    const record = (n: number) => ({
      at: t0,
      reason: 'stale-call' as const,
      event: `event ${n}`,
      roomId: 'r1',
      callId: null,
      identity: 'x'.repeat(n),
    })
    await calls().recordIgnored([])
    await calls().recordIgnored([record(1), record(2)])
    await rooms().commit([commitOf('r1', 0, { ignored: [record(3), record(1000)] })])
    const events = async (limit: number) => (await calls().ignored(limit)).map(({ event }) => event)
    expect(await events(3)).toEqual(['event 1000', 'event 3', 'event 2'])
    expect((await calls().ignored(1))[0]?.identity).toBe('x'.repeat(255))
    expect((await calls().ignored(2))[1]).toEqual(record(3))

    await database.store.effects.trim(t0, 2, 100)
    expect(await events(10)).toEqual(['event 1000', 'event 3'])
    await database.store.effects.trim(t0, 2, 100)
    expect(await events(10)).toEqual(['event 1000', 'event 3'])
  })
}
