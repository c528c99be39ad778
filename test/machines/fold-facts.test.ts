import { expect, test } from 'vitest'
import { defaultTiming } from '../../machines/call.context.ts'
import { viewOfCall } from '../../machines/call.view.ts'
import { foldCall } from '../../machines/fold-facts.ts'
import { tellCall, type CallStory } from '../support/call-story.ts'

const pair = () =>
  tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_a1').join('bo', 'b1').up('bo', 'b1', 'PA_b1')
const fold = (story: CallStory) => foldCall('room', story.facts, defaultTiming, story.at())
const retold = (story: CallStory) => {
  const context = fold(story)
  if (!context) throw new Error('no call is on')
  return tellCall('room', {}, context)
}

test('I4 a call made anew from its facts is shown as before', () => {
  const story = pair().join('cleo', 'c1').gone('ada', 'a1', 'PA_a1').leave('bo', 'b1')
  const context = fold(story)
  expect(context && viewOfCall(context)).toEqual(viewOfCall(story.context))
  expect(context).toMatchObject({ tookPart: ['ada', 'bo', 'cleo'], keyEpoch: 0 })
})

test('I4 after the end nothing is made anew', () => {
  expect(fold(pair().leave('ada').leave('bo'))).toBeNull()
})

test('R34 who is still there is found by the next listing, and nobody flaps', () => {
  const story = retold(pair())
  story.after(30_000).listed([
    { who: 'ada', page: 'a1', participantSid: 'PA_a1' },
    { who: 'bo', page: 'b1', participantSid: 'PA_b1' },
  ])
  expect(story.last.facts).toEqual([])
  expect(story.context.connections['ada:a1']).toMatchObject({
    state: 'connected',
    participantSid: 'PA_a1',
  })
})

test('R9 Ada had moved to another device, which no fact names: it is believed, not thrown out', () => {
  const story = retold(pair().join('ada', 'a2').up('ada', 'a2', 'PA_a2'))
  story.after(1_000).listed([
    { who: 'ada', page: 'a2', participantSid: 'PA_a2' },
    { who: 'bo', page: 'b1', participantSid: 'PA_b1' },
  ])
  expect(story.last.facts).toEqual([])
  expect(story.context.connections['ada:a2']).toMatchObject({ state: 'connected' })
  // The one that the facts named is over: she has moved.
  expect(story.context.connections['ada:a1']).toMatchObject({ state: 'gone.shutOut.handover' })
})

test('R28 a stranger is thrown out all the same', () => {
  const story = retold(pair()).up('mallory', 'm1', 'PA_m', { isMember: false })
  expect(story.last.effects).toMatchObject([{ identity: 'mallory:m1', why: 'unknown-identity' }])
})

test('R18 who was removed stays removed', () => {
  const story = retold(pair().lose('bo')).up('bo', 'b1', 'PA_b2')
  expect(story.last.effects).toMatchObject([{ identity: 'bo:b1', why: 'removed' }])
  expect(story.context.keyEpoch).toBe(1)
})
