import { expect, test } from 'vitest'
import { tellCall } from '../support/call-story.ts'

const trio = () =>
  tellCall()
    .join('ada', 'a1')
    .up('ada', 'a1', 'PA_a1')
    .join('bo', 'b1')
    .up('bo', 'b1', 'PA_b1')
    .join('eve', 'e1')
    .up('eve', 'e1', 'PA_e1')
const there = (who: string) => ({ who, page: `${who[0]}1`, participantSid: `PA_${who[0]}1` })

test('R1, R45 the first key of a call has epoch 0', () => {
  const story = tellCall().join('ada', 'a1')
  expect(story.last.effects).toMatchObject([{ type: 'key.mint', keyEpoch: 0 }])
})

test('R18, R45 Eve loses the room: those who stay get the next key in the same step', () => {
  const story = trio().lose('eve', 'ada')
  expect(story.types()).toEqual(['participant.left', 'key.rotated'])
  expect(story.last.facts[1]).toMatchObject({ keyEpoch: 1, by: 'ada', source: 'membership' })
  expect(story.last.effects).toContainEqual({
    type: 'key.mint',
    callId: story.context.callId,
    keyEpoch: 1,
  })
  expect(story.lose('bo').last.facts.at(-1)).toMatchObject({ type: 'key.rotated', keyEpoch: 2 })
})

test('R45 Eve had left by her own wish and still knows the key: when she loses the room it is rotated', () => {
  const story = trio().leave('eve', 'e1').lose('eve')
  expect(story.types()).toEqual(['key.rotated'])
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
})

test('R45 somebody who never was in the call knows no key: nothing is rotated', () => {
  const story = trio().lose('ivo')
  expect(story.last).toMatchObject({ changed: false, ignored: 'not-in-call' })
})

test('R14, R18 the last one loses the room: the call ends with the key that it has', () => {
  const story = tellCall().join('ada', 'a1').lose('ada')
  expect(story.types()).toEqual(['participant.left', 'call.ended'])
  expect(story.last.effects.map((effect) => effect.type)).toEqual([
    'livekit.evict',
    'key.shred',
    'livekit.close-room',
  ])
})

test('R27, R45 a listing shows two who are no members any more: both go, the key is rotated once', () => {
  const story = trio().listed([
    there('ada'),
    { ...there('bo'), isMember: false },
    { ...there('eve'), isMember: false },
  ])
  expect(story.types()).toEqual(['participant.left', 'participant.left', 'key.rotated'])
  expect(story.context.keyEpoch).toBe(1)
})

test('R18 Eve is seen again, and again: she is evicted each time, and the key stays as it is', () => {
  const story = trio().lose('eve')
  for (const sid of ['PA_e2', 'PA_e3']) {
    story.after(1_000).up('eve', 'e1', sid, { isMember: false })
    expect(story.last.effects).toMatchObject([{ type: 'livekit.evict', identity: 'eve:e1' }])
    expect(story.last.facts).toEqual([])
  }
  expect(story.context.keyEpoch).toBe(1)
})

test('R18 Eve is let in again: a new connection, the call’s present key, no rotation', () => {
  const story = trio().lose('eve').join('eve', 'e1')
  expect(story.types()).toEqual(['participant.joined'])
  expect(story.last.effects).toEqual([])
  expect(Object.keys(story.context.connections)).toHaveLength(4)
})
