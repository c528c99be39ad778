import { expect, test } from 'vitest'
import { isGone } from '../../machines/connection.machine.ts'
import { tellCall } from '../support/call-story.ts'

const pair = () =>
  tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_a1').join('bo', 'b1').up('bo', 'b1', 'PA_b1')

test('R12 Ada leaves with all her devices when she names none', () => {
  const story = pair().join('ada', 'a2').leave('ada')
  expect(story.shown()).toEqual(['bo connected'])
  expect(story.types()).toEqual(['participant.left'])
})

test('R12 a late leave of Ada’s old page keeps her in the call with the new one', () => {
  const story = pair().join('ada', 'a2').up('ada', 'a2', 'PA_a2').leave('ada', 'a1')
  expect(story.last).toMatchObject({ changed: false, ignored: 'not-in-call' })
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
})

test('R12 a leave that comes before the handover ends only the page that it names', () => {
  const story = pair().join('ada', 'a2').leave('ada', 'a1')
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
  expect(story.up('ada', 'a2', 'PA_a2').shown()).toEqual(['ada connected', 'bo connected'])
})

test('R12 LiveKit’s late left of an old session does not remove the new one', () => {
  const story = pair().after(5).up('ada', 'a1', 'PA_new').gone('ada', 'a1', 'PA_a1')
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
  expect(story.gone('ada', 'a1', 'PA_a1').last.ignored).toBe('stale-session')
})

test('R12 Bo cannot leave for Ada', () => {
  const story = pair().leave('bo', 'a1')
  expect(story.last).toMatchObject({ changed: false, ignored: 'not-in-call' })
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
})

test('R13 leaving when not in the call succeeds without a fact', () => {
  const story = pair().leave('chen')
  expect(story.last).toMatchObject({ changed: false, facts: [], ignored: 'not-in-call' })
  expect(tellCall().leave('ada', null, 'call1').last.facts).toEqual([])
})

test('R13 a connection that expired and then leaves counts as one that left: it is shut out', () => {
  const story = pair()
    .gone('ada', 'a1', 'PA_a1')
    .after(12_001)
    .listed([{ who: 'bo', page: 'b1' }])
  expect(story.shown()).toEqual(['bo connected'])
  expect(story.leave('ada', 'a1').last.facts).toEqual([])
  expect(story.context.connections['ada:a1']?.state).toBe('gone.shutOut.left')
  story.up('ada', 'a1', 'PA_late', { joinedAtMs: story.at() })
  expect(story.shown()).toEqual(['bo connected'])
  expect(story.last.effects).toMatchObject([{ type: 'livekit.evict', identity: 'ada:a1' }])
})

test('R14 the last leave ends the call at once, and its key goes with it', () => {
  const story = pair().after(60_000).leave('ada', 'a1').leave('bo', 'b1')
  expect(story.types()).toEqual(['participant.left', 'call.ended'])
  expect(story.last.facts[1]).toMatchObject({
    reason: 'last-left',
    durationMs: 60_000,
    participants: ['ada', 'bo'],
    source: 'user',
  })
  expect(story.last.effects).toContainEqual({ type: 'key.shred', callId: story.context.callId })
  expect(story.value).toBe('ended')
})

test('R17 a closing page is in doubt, and a reload within it keeps Ada in the call', () => {
  const story = pair().close('ada', 'a1')
  expect(story.types()).toEqual(['participant.reconnecting'])
  story.after(800).join('ada', 'a2').after(200).up('ada', 'a2', 'PA_a2')
  expect(story.types()).toEqual(['participant.connected'])
  expect(story.facts.some((fact) => fact.type === 'participant.left')).toBe(false)
})

test('R17 a closing page whose person does not come back ends unasked after ten seconds', () => {
  const story = pair().close('ada', 'a1').after(9_999)
  expect(story.due().last.ignored).toBe('not-due')
  story.after(1).due()
  expect(story.last.facts).toMatchObject([
    { type: 'participant.left', userId: 'ada', reason: 'expired', source: 'deadline' },
  ])
})

test('R17 a report that the media is up does not clear a closing page’s doubt', () => {
  const story = pair().close('ada', 'a1').up('ada', 'a1', 'PA_a1')
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
  expect(
    story
      .listed([
        { who: 'ada', page: 'a1', participantSid: 'PA_a1' },
        { who: 'bo', page: 'b1' },
      ])
      .shown(),
  ).toEqual(['ada reconnecting', 'bo connected'])
})

test('R17 a doubt that was on keeps its deadline when the page then closes', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1')
  const deadlineAt = story.context.connections['ada:a1']?.deadlineAt
  story.after(5_000).close('ada', 'a1')
  expect(story.context.connections['ada:a1']).toMatchObject({
    deadlineAt,
    state: 'doubtful.closing',
  })
  expect(story.after(5_000).due().shown()).toEqual(['bo connected'])
})

test('R17 a page that closes while it joins is in doubt, too', () => {
  const story = tellCall().join('ada', 'a1').close('ada', 'a1')
  expect(story.shown()).toEqual(['ada joining'])
  expect(story.after(10_000).due().value).toBe('ended')
})

test('R18 Ada loses the room: she is out in the same step, and is evicted', () => {
  const story = pair().send({ type: 'membership.lost', at: 2_000_000, userId: 'ada', by: 'bo' })
  expect(story.last.facts).toMatchObject([
    { type: 'participant.left', userId: 'ada', reason: 'removed', by: 'bo', source: 'membership' },
    { type: 'key.rotated', keyEpoch: 1, by: 'bo', source: 'membership' },
  ])
  expect(story.last.effects).toMatchObject([
    { type: 'livekit.evict', identity: 'ada:a1', why: 'removed' },
    { type: 'key.mint', keyEpoch: 1 },
  ])
})

test('R18 the last one who loses the room ends the call', () => {
  const story = tellCall().join('ada', 'a1')
  story.send({ type: 'membership.lost', at: 2_000_000, userId: 'ada', by: null })
  expect(story.types()).toEqual(['participant.left', 'call.ended'])
})

test('R18 who is shut out and shows up is evicted each time, in any state', () => {
  const story = pair().leave('ada', 'a1')
  for (const state of ['JOINING', 'JOINED', 'ACTIVE'] as const) {
    story.up('ada', 'a1', 'PA_again', { state })
    expect(story.last.effects).toMatchObject([{ identity: 'ada:a1', why: 'left' }])
    story.listed([
      { who: 'ada', page: 'a1', state },
      { who: 'bo', page: 'b1', participantSid: 'PA_b1' },
    ])
    expect(story.last.effects).toMatchObject([{ identity: 'ada:a1', why: 'left' }])
  }
  expect(story.shown()).toEqual(['bo connected'])
})

test('R18 a shut-out connectionId is never accepted again: Ada gets a new one', () => {
  const story = pair().leave('ada', 'a1').join('ada', 'a1')
  const live = Object.values(story.context.connections).filter(
    (c) => c.userId === 'ada' && !isGone(c),
  )
  expect(live).toHaveLength(1)
  expect(live[0]?.connectionId).not.toBe('a1')
  expect(story.context.connections['ada:a1']?.state).toBe('gone.shutOut.left')
})

test('R19 deleting the room ends its call, with a left for each who was in it', () => {
  const story = pair().send({ type: 'room.deleted', at: 2_000_000, by: 'ada' })
  expect(story.last.facts).toMatchObject([
    { type: 'participant.left', userId: 'ada', reason: 'call-ended' },
    { type: 'participant.left', userId: 'bo', reason: 'call-ended' },
    { type: 'call.ended', reason: 'room-deleted', by: 'ada' },
  ])
  expect(story.last.effects.map((effect) => effect.type)).toContain('key.shred')
})

test('R50 turning calls off ends the calls that are on', () => {
  const story = pair().send({ type: 'calls.disabled', at: 2_000_000 })
  expect(story.last.facts.at(-1)).toMatchObject({
    type: 'call.ended',
    reason: 'calls-disabled',
    source: 'admin',
  })
})
