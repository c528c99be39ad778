import { expect, test } from 'vitest'
import { createRepeat } from '../../../server/time/repeat.ts'
import { createHandClock, type HandClock } from '../../support/hand-clock.ts'

/** Work whose runs end when the test says so. */
function work({ nextAt }: { nextAt?: (clock: HandClock) => number } = {}) {
  const clock = createHandClock()
  const begun: number[] = []
  const errors: unknown[] = []
  let end: { resolve(): void; reject(error: unknown): void } | null = null
  const repeat = createRepeat({
    clock,
    nextAt: () => nextAt?.(clock) ?? clock.now() + 1_000,
    run() {
      begun.push(clock.now())
      return new Promise((resolve, reject) => (end = { resolve, reject }))
    },
    onError: (error) => errors.push(error),
  })
  const settle = async (how: 'resolve' | 'reject', error?: unknown) => {
    if (how === 'resolve') end?.resolve()
    else end?.reject(error)
    end = null
    await clock.rest()
  }
  return {
    clock,
    repeat,
    begun,
    errors,
    finish: () => settle('resolve'),
    fail: (error: unknown) => settle('reject', error),
  }
}

test('each run is planned after the one before it has ended, so that there is one at a time', async () => {
  const { clock, repeat, begun, finish } = work()
  repeat.start()
  await clock.move(5_000)
  expect(begun).toEqual([1_000])
  await finish()
  await clock.move(999)
  expect(begun).toEqual([1_000])
  await clock.move(1)
  expect(begun).toEqual([1_000, 6_000])
})

test('a run that fails is told, and the next one comes as if it had not', async () => {
  const { clock, repeat, begun, errors, fail } = work()
  repeat.start()
  await clock.move(1_000)
  await fail('the database is away')
  expect(errors).toEqual(['the database is away'])
  await clock.move(1_000)
  expect(begun).toEqual([1_000, 2_000])
})

test('what throws at once, before it waits for anything, is told as well', async () => {
  const clock = createHandClock()
  const errors: unknown[] = []
  const repeat = createRepeat({
    clock,
    nextAt: () => clock.now() + 10,
    run() {
      throw new Error('no')
    },
    onError: (error) => errors.push(error),
  })
  repeat.start()
  await clock.move(20)
  expect(errors).toHaveLength(2)
})

test('a plan that is made anew moves the next run, here to now; one that is under way is not doubled', async () => {
  let wantedAt = Infinity
  const { clock, repeat, begun, finish } = work({ nextAt: () => wantedAt })
  repeat.start()
  await clock.move(60_000)
  expect(begun).toEqual([])
  wantedAt = 60_500
  repeat.plan()
  wantedAt = clock.now()
  repeat.plan()
  await clock.move(0)
  expect(begun).toEqual([60_000])
  // Wanted again while it runs: once more, right after it.
  wantedAt = clock.now()
  repeat.plan()
  repeat.plan()
  await clock.move(100)
  expect(begun).toEqual([60_000])
  await finish()
  await clock.move(0)
  expect(begun).toEqual([60_000, 60_100])
})

test('what is wanted in forty days comes in forty days, though Node’s timers do not hold so much', async () => {
  const fortyDaysMs = 40 * 24 * 3600_000
  const { clock, repeat, begun } = work({ nextAt: () => fortyDaysMs })
  repeat.start()
  expect(clock.longestDelayMs()).toBeLessThan(2 ** 31)
  await clock.move(fortyDaysMs - 1)
  expect(begun).toEqual([])
  await clock.move(1)
  expect(begun).toEqual([fortyDaysMs])
})

test('stopping waits for the run that is under way, and none comes after it until it is started again', async () => {
  const { clock, repeat, begun, finish } = work()
  repeat.start()
  await clock.move(1_000)
  let hasStopped = false
  const stopping = repeat.stop().then(() => (hasStopped = true))
  await clock.rest()
  expect(hasStopped).toBe(false)
  await finish()
  await stopping
  repeat.plan()
  await clock.move(10_000)
  expect(begun).toEqual([1_000])
  repeat.start()
  await clock.move(1_000)
  expect(begun).toEqual([1_000, 12_000])
})
