import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { announce, useAnnouncements } from '../../../web/stores/announcements.store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.runAllTimers()
  vi.useRealTimers()
})
const said = () => useAnnouncements().value.map(({ text }) => text)

test('F40 the same words within two seconds are read once', () => {
  announce('Bo joined the call')
  announce('Bo joined the call')
  announce('Cleo joined the call')
  vi.advanceTimersByTime(2000)
  expect(said()).toEqual(['Bo joined the call', 'Cleo joined the call'])
})

test('F40 more than three things at once are read as one', () => {
  for (const name of ['Ada', 'Bo', 'Cleo', 'Dara']) announce(`${name} left`)
  vi.advanceTimersByTime(2000)
  expect(said()).toEqual(['Ada left, Bo left, Cleo left, and Dara left'])
})

test('what was said goes, so that it is not read again', () => {
  announce('Ada left')
  vi.advanceTimersByTime(20_000)
  expect(said()).toEqual([])
})
