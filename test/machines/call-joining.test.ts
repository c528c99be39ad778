import { expect, test } from 'vitest'
import { tellCall } from '../support/call-story.ts'

test('R1 Ada joins an empty room: the call starts, she is in it, and a key is asked for', () => {
  const story = tellCall().join('ada', 'a1')
  expect(story.value).toBe('active')
  expect(story.types()).toEqual(['call.started', 'participant.joined'])
  expect(story.last.effects).toEqual([
    { type: 'key.mint', callId: story.context.callId, keyEpoch: 0 },
  ])
  expect(story.shown()).toEqual(['ada joining'])
})

test('R1 Bo joins the same call: no second start, no second key', () => {
  const story = tellCall().join('ada', 'a1').join('bo', 'b1')
  expect(story.types()).toEqual(['participant.joined'])
  expect(story.last.effects).toEqual([])
})

test('R3 Eve is no member: nothing starts, and the reason is said', () => {
  const story = tellCall().join('eve', 'e1', false)
  expect(story.value).toBe('idle')
  expect(story.last).toMatchObject({ changed: false, ignored: 'not-a-member', facts: [] })
  const on = tellCall().join('ada', 'a1').join('eve', 'e1', false)
  expect(on.last).toMatchObject({ changed: false, ignored: 'not-a-member' })
})

test('R6 Ada is joining until LiveKit says that her media is up', () => {
  const story = tellCall().join('ada', 'a1')
  expect(story.shown()).toEqual(['ada joining'])
  expect(story.up('ada', 'a1', 'PA_1').shown()).toEqual(['ada connected'])
})

test('R6 a listing with state ACTIVE tells the same as a report', () => {
  const story = tellCall().join('ada', 'a1')
  story.listed([{ who: 'ada', page: 'a1', state: 'JOINED' }])
  expect(story.shown()).toEqual(['ada joining'])
  story.listed([{ who: 'ada', page: 'a1' }])
  expect(story.shown()).toEqual(['ada connected'])
  expect(story.last.facts[0]?.source).toBe('reconciliation')
})

test('R7 a join that never connects ends once a listing begun after its deadline does not show it', () => {
  const story = tellCall().join('ada', 'a1').after(45_000)
  expect(story.listed([], { room: null }).value).toBe('active')
  story.after(1_999)
  expect(story.listed([], { room: null }).value).toBe('active')
  story.after(1)
  expect(story.listed([], { room: null }).value).toBe('ended')
  expect(story.last.facts.map((fact) => [fact.type, fact.source])).toEqual([
    ['participant.left', 'deadline'],
    ['call.ended', 'deadline'],
  ])
})

test('R7 a join whose session LiveKit shows in any state is not ended by its deadline', () => {
  const story = tellCall().join('ada', 'a1').after(60_000)
  story.listed([{ who: 'ada', page: 'a1', state: 'JOINED' }])
  expect(story.shown()).toEqual(['ada joining'])
})

test('R8 the same page asks again: the same connection, no second participant.joined', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1').join('ada', 'a1')
  expect(story.last.facts).toEqual([])
  expect(Object.keys(story.context.connections)).toEqual(['ada:a1'])
  expect(story.shown()).toEqual(['ada connected'])
})

test('R8 asking again clears a doubt: to connected while the last session lives, else to joining', () => {
  const alive = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1').close('ada', 'a1')
  expect(alive.shown()).toEqual(['ada reconnecting'])
  expect(alive.join('ada', 'a1').shown()).toEqual(['ada connected'])

  const dead = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1').gone('ada', 'a1', 'PA_1')
  dead.join('ada', 'a1')
  expect(dead.context.connections['ada:a1']).toMatchObject({ state: 'joining' })
  expect(dead.context.connections['ada:a1']?.deadlineAt).toBe(dead.at() + 45_000)
  expect(dead.shown()).toEqual(['ada reconnecting'])
})

test('R9 Ada moves to another device: the old one goes when the new one is up, without a fact', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1').join('ada', 'a2')
  expect(story.last.facts).toEqual([])
  expect(story.last.effects).toEqual([])
  story.up('ada', 'a2', 'PA_2')
  expect(story.last.facts).toEqual([])
  expect(story.last.effects).toMatchObject([
    { type: 'livekit.evict', identity: 'ada:a1', why: 'handover' },
  ])
  expect(story.shown()).toEqual(['ada connected'])
})

test('R9 a device that joined earlier and shows up later is evicted', () => {
  const story = tellCall().join('ada', 'a1').join('ada', 'a2').up('ada', 'a2', 'PA_2')
  story.up('ada', 'a1', 'PA_1')
  expect(story.last).toMatchObject({ ignored: 'handover', facts: [] })
  expect(story.last.effects).toMatchObject([{ identity: 'ada:a1', why: 'handover' }])
  expect(story.shown()).toEqual(['ada connected'])
})

test('R9 Ada keeps the time of her joining through a reload', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1')
  const joinedAt = story.context.people['ada']?.joinedAt
  story
    .after(1000)
    .close('ada', 'a1')
    .after(500)
    .join('ada', 'a2')
    .after(500)
    .up('ada', 'a2', 'PA_2')
  expect(story.context.people['ada']).toMatchObject({ joinedAt, shown: 'connected' })
})

test('R15 after the end, a report, leave or listing of the old call changes nothing in the new one', () => {
  const old = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1')
  const oldCallId = old.context.callId
  const story = tellCall().join('ada', 'a9').up('ada', 'a9', 'PA_9')
  expect(story.leave('ada', null, `${oldCallId}x`).last).toMatchObject({
    changed: false,
    ignored: 'stale-call',
  })
})

test('R20 a full reconnect is the same connection with another session', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1')
  story.after(10).gone('ada', 'a1', 'PA_1', 'DUPLICATE_IDENTITY')
  expect(story.shown()).toEqual(['ada connected'])
  story.after(10).up('ada', 'a1', 'PA_2')
  expect(story.last.facts).toEqual([])
  expect(story.context.connections['ada:a1']).toMatchObject({ participantSid: 'PA_2' })
})

test('R20 the old session’s left may come after the new one’s joined', () => {
  const story = tellCall()
    .join('ada', 'a1')
    .up('ada', 'a1', 'PA_1')
    .after(5)
    .up('ada', 'a1', 'PA_2')
  story.gone('ada', 'a1', 'PA_1')
  expect(story.shown()).toEqual(['ada connected'])
  expect(story.context.connections['ada:a1']?.deadlineAt).toBeNull()
})

test('R26 a join and LiveKit’s report of it give one fact each way', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1').up('ada', 'a1', 'PA_1')
  expect(story.last).toMatchObject({ changed: false, ignored: 'no-change' })
  expect(story.facts.map((fact) => fact.type)).toEqual([
    'call.started',
    'participant.joined',
    'participant.connected',
  ])
})
