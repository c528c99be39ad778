/** How long a call has been on, as people read it. */
import { expect, test } from 'vitest'
import { clockOf } from '../../../web/composables/use-call-clock.ts'

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
