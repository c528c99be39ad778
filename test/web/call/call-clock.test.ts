/** How long a call has been on, as people read it. */
import { describe, expect, test } from 'vitest'
import { clockOf } from '../../../web/composables/use-call-clock.ts'
import { createServerClock } from '../../../web/live/server-clock.ts'
import { lastedWords } from '../../../web/words/words.ts'

test.each([
  [0, '0:00'],
  [999, '0:00'],
  [8 * 60_000 + 5_000, '8:05'],
  [26 * 60_000 + 41_000, '26:41'],
  [3_600_000 + 2 * 60_000 + 3_000, '1:02:03'],
])('after %i ms the clock says %s', (ms, words) => {
  expect(clockOf(ms)).toBe(words)
})

test('a clock of the browser that is behind the server’s does not run backwards', () => {
  expect(clockOf(-4_000)).toBe('0:00')
})

describe('B17 the server’s time', () => {
  const minute = 60_000
  /** A browser whose wall clock is ten minutes ahead of the server’s. */
  const browser = () => createServerClock({ steady: () => 5_000, wall: () => 11 * minute })

  test('until the server has said it, it is the browser’s', () => {
    expect(browser().now()).toBe(11 * minute)
  })

  test('a browser ten minutes ahead counts a call from its beginning', () => {
    const clock = browser()
    // Asked at 4.9 s, answered at 5 s: the server’s minute 1 was in the middle.
    clock.addSample({ askedAt: 4_900, answeredAt: 5_000, at: minute })
    expect(clock.now()).toBe(minute + 50)
    expect(clockOf(clock.now() - minute)).toBe('0:00')
  })

  test('the answer with the shortest way counts, whatever comes later by a longer one', () => {
    const clock = browser()
    clock.addSample({ askedAt: 0, answeredAt: 2_000, at: minute })
    clock.addSample({ askedAt: 3_000, answeredAt: 3_010, at: minute + 2_305 })
    clock.addSample({ askedAt: 4_000, answeredAt: 4_900, at: minute + 3_400 })
    expect(clock.now()).toBe(minute + 4_300)
  })

  test('what no way could explain counts: this machine slept, or the server’s clock was put right', () => {
    const clock = browser()
    clock.addSample({ askedAt: 0, answeredAt: 10, at: minute })
    clock.addSample({ askedAt: 4_000, answeredAt: 4_200, at: 31 * minute })
    expect(clock.now()).toBe(31 * minute + 900)
  })
})

test('a call that is seconds old has been on for a few seconds, not for a minute', () => {
  expect(lastedWords(3_000)).toBe('a few seconds')
  expect(lastedWords(40_000)).toBe('40 seconds')
  expect(lastedWords(24 * 60_000)).toBe('24 minutes')
  expect(lastedWords(24 * 60_000, 'short')).toBe('24 min')
})
