import { expect, test } from 'vitest'
import { createServerClock, type ClockStep } from '../../../server/time/server-clock.ts'

const hour = 3_600_000
const start = 1_800_000_000_000

/** A machine whose clock somebody sets, and the server's time on it. */
function machine({ isQuiet = () => false }: { isQuiet?: () => boolean } = {}) {
  let passed = 0
  let offset = start
  const steps: ClockStep[] = []
  const clock = createServerClock({
    wall: () => offset + passed,
    elapsed: () => passed,
    after(_delayMs, work) {
      work()
      return { cancel: () => undefined }
    },
    isQuiet,
  })
  clock.onStep((step) => steps.push(step))
  return {
    clock,
    steps,
    wall: () => offset + passed,
    set: (byMs: number) => void (offset += byMs),
    /** In small steps, as a server that is asked all the time. */
    pass(ms: number) {
      for (let i = 0; i < 100; i++) {
        passed += ms / 100
        clock.now()
      }
      return clock.now()
    },
  }
}

test.each([-hour, hour, -60_000, 90 * 24 * hour, -90 * 24 * hour])(
  'R53 the machine’s clock is set by %i ms while somebody waits: ten seconds are ten seconds',
  (byMs) => {
    const { clock, set, pass, steps } = machine()
    const before = clock.now()
    set(byMs)
    const after = pass(10_000)
    expect(after - before).toBeGreaterThanOrEqual(9_500)
    expect(after - before).toBeLessThanOrEqual(10_500)
    expect(steps).toEqual([{ byMs, aheadMs: -byMs }])
  },
)

test('R53 I7 it never goes back, and is the machine’s again at last', () => {
  const { clock, set, pass, wall } = machine()
  let last = clock.now()
  set(-hour)
  for (let i = 0; i < 21 * 60; i++) {
    const now = pass(60_000)
    expect(now).toBeGreaterThan(last)
    last = now
  }
  expect(last).toBe(wall())
})

test('R53 a clock that is set forward is taken at once when nobody waits, and not before', () => {
  let isQuiet = false
  const { clock, set, pass, wall } = machine({ isQuiet: () => isQuiet })
  set(hour)
  pass(20_000)
  expect(wall() - clock.now()).toBeGreaterThan(hour - 2_000)
  isQuiet = true
  expect(pass(1_000)).toBe(wall())
})

test('R53 a clock that is set back and forward again leaves the time as it was', () => {
  const { clock, set, pass, wall } = machine()
  set(-hour)
  pass(1_000)
  set(hour)
  pass(1_000)
  expect(clock.now()).toBe(wall())
})

test('R53 after a start, what was stored tells that it was later already', () => {
  const { clock, pass } = machine()
  clock.notBefore(start + hour)
  expect(clock.now()).toBe(start + hour)
  expect(pass(10_000) - (start + hour)).toBeGreaterThanOrEqual(9_500)
  clock.notBefore(start)
  expect(clock.now()).toBeGreaterThan(start + hour)
})

test('R53 what a clock that is kept right does is no step', () => {
  const { set, pass, steps, clock, wall } = machine()
  for (let i = 0; i < 20; i++) {
    set(i % 2 ? -900 : 900)
    pass(1_000)
  }
  expect(steps).toEqual([])
  expect(Math.abs(clock.now() - wall())).toBeLessThan(1_000)
})
