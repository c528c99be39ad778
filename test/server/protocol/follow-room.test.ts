/** The rule by which every client follows a room (R48): whatever comes, each number is taken once, in order. */
import { fc, test } from '@fast-check/vitest'
import { describe, expect } from 'vitest'
import { followFacts, numbersToSync } from '../../../server/protocol/follow-room.ts'

const numbered = (...seqs: number[]) => seqs.map((seq) => ({ seq }))

describe('R48 facts', () => {
  test.each([
    ['the next ones are taken', [4, 5], [4, 5], null],
    ['those that it has are left out', [2, 3], [], null],
    ['of both, the new ones are taken', [2, 3, 4], [4], null],
    ['after a gap it asks from what it has', [5, 6], [], 3],
    ['a gap among them is asked for, and what is before it is taken', [3, 4, 6], [4], 4],
    ['of nothing, nothing', [], [], null],
  ])('%s', (_what, seqs, next, syncFrom) => {
    expect(followFacts(3, numbered(...seqs))).toEqual({ next: numbered(...next), syncFrom })
  })

  test.prop([
    fc.integer({ min: 0, max: 20 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 5 })), {
      maxLength: 40,
    }),
  ])(
    'R48 whatever is lost, doubled or late, each number is taken once, in order',
    (start, told) => {
      let have = start
      for (const [first, length] of told) {
        const facts = numbered(...Array.from({ length }, (_, i) => first + i))
        const { next, syncFrom } = followFacts(have, facts)
        expect(next).toEqual(numbered(...next.map((_, i) => have + 1 + i)))
        have += next.length
        const isBeyond = facts.some(({ seq }) => seq > have)
        expect(syncFrom).toBe(isBeyond ? have : null)
      }
    },
  )
})

test('R48 after a welcome or a pong it asks for what the server says otherwise, or nothing', () => {
  const have = { same: 5, behind: 3, ahead: 9, gone: 2 }
  const told = { same: 5, behind: 4, ahead: 8, new: 1 }
  expect(numbersToSync(have, told)).toEqual({ behind: 3, ahead: 9, gone: 2 })
})
