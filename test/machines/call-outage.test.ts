import { expect, test } from 'vitest'
import { nextListingAt } from '../../machines/call.context.ts'
import { tellCall } from '../support/call-story.ts'

const pair = () =>
  tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_a1').join('bo', 'b1').up('bo', 'b1', 'PA_b1')
const ada = { who: 'ada', page: 'a1', participantSid: 'PA_a1' }
const bo = { who: 'bo', page: 'b1', participantSid: 'PA_b1' }

test('R37 LiveKit cannot be asked: the call is unconfirmed, said once, and nobody leaves', () => {
  const story = pair()
  const since = story.at()
  story.after(15_000).away(since)
  expect(story.types()).toEqual(['call.unconfirmed'])
  expect(story.context).toMatchObject({ unreachableSince: since })
  expect(story.last.snapshot.value).toMatchObject({ active: { sight: 'unconfirmed' } })
  story.after(60_000).away(since)
  expect(story.last).toMatchObject({ changed: false, ignored: 'no-change' })
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
})

test('R37 any answer confirms it again', () => {
  const story = pair()
  story.after(15_000).away(story.at()).after(5_000).listed([ada, bo])
  expect(story.types()).toEqual(['call.confirmed'])
  expect(story.context).toMatchObject({ unreachableSince: null })
  expect(story.last.snapshot.value).toMatchObject({ active: { sight: 'confirmed' } })
})

test('R37 after an hour without LiveKit the call ends, whoever still counts as in it', () => {
  const story = pair()
  const since = story.at()
  story.after(15_000).away(since).after(3_600_000).away(since)
  expect(story.types()).toEqual(['participant.left', 'participant.left', 'call.ended'])
  expect(story.facts.at(-1)).toMatchObject({
    reason: 'livekit-unavailable',
    source: 'reconciliation',
    participants: ['ada', 'bo'],
  })
  expect(story.last.effects.map((effect) => effect.type)).toContain('key.shred')
})

test('R37 the hour counts from the first failed pass, also for a process that started later', () => {
  const story = pair()
  const since = story.at()
  story.after(15_000).away(since).after(3_590_000)
  // Another process has seen LiveKit fail for a quarter of a minute only.
  story.away(story.at() - 15_000)
  expect(story.value).toBe('ended')
})

test('R37 a webhook shows that LiveKit lives: the hour starts anew, though nobody can ask it', () => {
  const story = pair()
  const since = story.at()
  story.after(15_000).away(since).after(3_500_000)
  const aliveAt = story.at()
  const unreachable = () =>
    ({ type: 'livekit.unreachable', callId: story.context.callId, since, aliveAt }) as const
  story.after(3_599_000).send({ ...unreachable(), at: story.at() })
  expect(story.last).toMatchObject({ changed: false, ignored: 'no-change' })
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
  story.after(1_000).send({ ...unreachable(), at: story.at() })
  expect(story.value).toBe('ended')
})

test('R37 while LiveKit cannot be asked, own words still count: a hang-up and a closing page', () => {
  const story = pair()
  story.after(15_000).away(story.at()).leave('ada', 'a1')
  expect(story.shown()).toEqual(['bo connected'])
  story.close('bo', 'b1').after(10_000).due()
  expect(story.value).toBe('ended')
})

test('R37 deadlines that were open wait for people to come back after LiveKit’s answer', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1')
  story.after(15_000).away(story.at()).after(60_000).listed([bo])
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
  expect(nextListingAt(story.context)).toBe(story.at() + 30_000 + 2_000)
  story.after(31_000).listed([bo])
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
  story.after(1_000).listed([bo])
  expect(story.shown()).toEqual(['bo connected'])
})

test('R37 doubts that LiveKit’s first answer begins last as long', () => {
  const story = pair()
  story.after(15_000).away(story.at()).after(5_000).listed([bo])
  expect(story.types()).toEqual(['call.confirmed', 'participant.reconnecting'])
  expect(nextListingAt(story.context)).toBe(story.at() + 30_000 + 2_000)
})

test('R25, R37 being told of LiveKit’s absence for another call changes nothing', () => {
  const story = pair()
  story.send({ type: 'livekit.unreachable', at: story.at(), callId: 'another', since: 0 })
  expect(story.last).toMatchObject({ changed: false, ignored: 'stale-call' })
})
