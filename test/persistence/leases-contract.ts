import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import type { TestDatabase } from './test-database.ts'

/** What only one process does at a time. */
export function leasesContract(database: TestDatabase): void {
  test('one process holds a lease; it may hold it longer, and nobody else gets it', async () => {
    const here = database.store.leases
    const there = (await database.another()).leases
    expect(await here.hold('listings', 'a', 60_000)).toBe(true)
    expect(await there.hold('listings', 'b', 60_000)).toBe(false)
    expect(await here.hold('listings', 'a', 60_000)).toBe(true)
    // Another lease is another matter.
    expect(await there.hold('tidying', 'b', 60_000)).toBe(true)
  })

  test('a lease that was given back, or ran out, is the next one’s', async () => {
    const { leases } = database.store
    expect(await leases.hold('listings', 'a', 60_000)).toBe(true)
    await leases.release('listings', 'b')
    expect(await leases.hold('listings', 'b', 60_000)).toBe(false)
    await leases.release('listings', 'a')
    expect(await leases.hold('listings', 'b', 100)).toBe(true)
    await until('the lease ran out', 5_000, () => leases.hold('listings', 'c', 60_000))
    expect(await leases.hold('listings', 'b', 60_000)).toBe(false)
  })

  test('R53 the database’s clock was set back: the lease of a process that died is not held for an hour', async () => {
    const here = database.store.leases
    // As it was written an hour later.
    expect(await here.hold('listings', 'a', 3_600_000)).toBe(true)
    expect(await here.hold('listings', 'b', 6_000)).toBe(true)
    expect(await here.hold('listings', 'c', 6_000)).toBe(false)
  })

  test('two processes ask at once, and one gets it', async () => {
    const stores = await Promise.all([database.another(), database.another()])
    const got = await Promise.all(stores.map((s, i) => s.leases.hold('listings', `p${i}`, 60_000)))
    expect(got.filter(Boolean)).toHaveLength(1)
  })
}
