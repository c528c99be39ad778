import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { tellCall } from '../support/call-story.ts'

/** I6, beside what the linter and the import rules hold: the same events give the same call. */
beforeEach(() => {
  const forbidden = () => {
    throw new Error('I6: machines have no clock and no randomness')
  }
  vi.spyOn(Date, 'now').mockImplementation(forbidden)
  vi.spyOn(Math, 'random').mockImplementation(forbidden)
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(forbidden)
})
afterEach(() => vi.restoreAllMocks())

function story() {
  return tellCall()
    .join('ada', 'a1')
    .up('ada', 'a1', 'PA_1')
    .join('bo')
    .after(1_000)
    .close('ada', 'a1')
    .join('ada', 'a2')
    .up('ada', 'a2', 'PA_2')
    .after(10_000)
    .due()
    .gone('ada', 'a2', 'PA_2')
    .after(45_000)
    .listed([], { room: null })
    .after(2_000)
    .listed([])
}

test('I6 without clock and chance a whole call decides, twice alike, and keeps no secret', () => {
  const [one, two] = [story(), story()]
  expect(one.facts).toEqual(two.facts)
  expect(one.effects).toEqual(two.effects)
  expect(JSON.stringify(one.context)).toBe(JSON.stringify(two.context))
  expect(one.facts.length).toBeGreaterThan(5)
  expect(JSON.stringify([one.context, one.facts])).not.toMatch(/e2ee|sealed|secret|token/i)
})
