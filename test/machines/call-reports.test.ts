import { expect, test } from 'vitest'
import { nextDeadlineAt, nextListingAt } from '../../machines/call.context.ts'
import { tellCall } from '../support/call-story.ts'

const pair = () =>
  tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_a1').join('bo', 'b1').up('bo', 'b1', 'PA_b1')
const bo = { who: 'bo', page: 'b1', participantSid: 'PA_b1' }

test('R25 reports, listings and deadlines about another call change nothing', () => {
  const story = pair()
  const other = { callId: 'another' }
  story.up('ada', 'a1', 'PA_x', other)
  expect(story.last).toMatchObject({ changed: false, ignored: 'stale-call' })
  story.gone('ada', 'a1', 'PA_a1', 'CLIENT_INITIATED', other)
  expect(story.last).toMatchObject({ changed: false, ignored: 'stale-call' })
  story.listed([], other)
  expect(story.last).toMatchObject({ changed: false, ignored: 'stale-call' })
  story.send({
    type: 'livekit.room.finished',
    at: story.at(),
    callId: 'another',
    livekitRoomSid: null,
  })
  expect(story.last).toMatchObject({ changed: false, ignored: 'stale-call' })
})

test('R25 a joined report never creates a call', () => {
  const story = tellCall().up('ada', 'a1', 'PA_1', { callId: 'call1' })
  expect(story.value).toBe('idle')
  expect(story.last).toMatchObject({ changed: false, ignored: 'stale-call' })
})

test('R27 somebody who is no member any more is evicted and never listed', () => {
  const story = tellCall()
    .join('ada', 'a1')
    .join('bo', 'b1')
    .up('ada', 'a1', 'PA_1', { isMember: false })
  expect(story.last.ignored).toBe('not-a-member')
  expect(story.last.effects).toMatchObject([
    { identity: 'ada:a1', why: 'removed' },
    { type: 'key.mint', keyEpoch: 1 },
  ])
  expect(story.shown()).toEqual(['bo joining'])
})

test('R27 the same by a listing', () => {
  const story = pair().listed([{ who: 'ada', page: 'a1', isMember: false }, bo])
  expect(story.shown()).toEqual(['bo connected'])
})

test('R27 an expired connection that shows up again is listed again', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1').after(12_000).listed([bo])
  expect(story.shown()).toEqual(['bo connected'])
  story.after(1_000).up('ada', 'a1', 'PA_back')
  expect(story.shown()).toEqual(['bo connected', 'ada connected'])
  expect(story.types()).toEqual(['participant.joined', 'participant.connected'])
})

test('R27 an expired connection is not listed again once a later one of its person is up', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1').after(12_000).listed([bo])
  story.join('ada', 'a2').up('ada', 'a2', 'PA_a2').after(10).up('ada', 'a1', 'PA_back')
  expect(story.last.ignored).toBe('handover')
  expect(story.last.effects).toMatchObject([{ identity: 'ada:a1', why: 'handover' }])
})

test('R27 one whose page had said that it closes is shut out', () => {
  const story = pair().close('ada', 'a1').after(10_000).due().after(10).up('ada', 'a1', 'PA_back')
  expect(story.shown()).toEqual(['bo connected'])
  expect(story.last.effects).toMatchObject([{ identity: 'ada:a1', why: 'closed' }])
})

test('R28 an identity that was never issued is evicted and recorded, never listed', () => {
  const story = pair().up('mallory', 'm1', 'PA_m')
  expect(story.last).toMatchObject({ ignored: 'unknown-identity', facts: [] })
  expect(story.last.effects).toMatchObject([{ identity: 'mallory:m1', why: 'unknown-identity' }])
  story.listed([
    { who: 'mallory', page: 'm1' },
    { who: 'ada', page: 'a1', participantSid: 'PA_a1' },
    bo,
  ])
  expect(story.last.effects).toMatchObject([{ identity: 'mallory:m1', why: 'unknown-identity' }])
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
})

test('R29 an aborted connection is recorded; its deadline decides', () => {
  const story = tellCall().join('ada', 'a1')
  story.send({
    type: 'livekit.participant.aborted',
    at: story.at(),
    callId: story.context.callId,
    livekitRoomSid: 'RM_1',
    identity: 'ada:a1',
    participantSid: 'PA_1',
    state: 'JOINED',
    joinedAtMs: 0,
    isMember: true,
    reason: 'SIGNAL_CLOSE',
  })
  expect(story.last).toMatchObject({ changed: false, ignored: 'aborted' })
  expect(story.shown()).toEqual(['ada joining'])
})

test('R30 a joined report that is not ACTIVE is ignored', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_1', { state: 'JOINED' })
  expect(story.last).toMatchObject({ changed: false, ignored: 'not-active' })
})

test('R30 a late joined report or a stale listing of a dead session counts as nothing', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1')
  story.up('ada', 'a1', 'PA_a1')
  expect(story.last.ignored).toBe('stale-session')
  story.listed([{ who: 'ada', page: 'a1', participantSid: 'PA_a1' }, bo])
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
  story.after(12_000).listed([{ who: 'ada', page: 'a1', participantSid: 'PA_a1' }, bo])
  expect(story.shown()).toEqual(['bo connected'])
})

test('R53 LiveKit’s own clock was set back by an hour: the session that takes the old one’s place is taken', () => {
  const hour = 3_600_000
  const story = tellCall()
    .join('ada', 'a1')
    .up('ada', 'a1', 'PA_old', { joinedAtMs: 2 * hour })
  story.after(5_000).gone('ada', 'a1', 'PA_old', 'CLIENT_INITIATED', { joinedAtMs: 2 * hour })
  story.after(500).up('ada', 'a1', 'PA_new', { joinedAtMs: hour + 5_500 })
  expect(story.shown()).toEqual(['ada reconnecting'])
  const present = { who: 'ada', page: 'a1', participantSid: 'PA_new', joinedAtMs: hour + 5_500 }
  story.after(2_000).listed([present])
  expect(story.shown()).toEqual(['ada connected'])
})

test('R30 R53 a listing that may only lag behind puts no older session in the place of a newer one', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_2', { joinedAtMs: 2_000 })
  const old = { who: 'ada', page: 'a1', participantSid: 'PA_1', joinedAtMs: 1_000 }
  story.after(1_900).listed([old])
  expect(story.context.connections['ada:a1']?.participantSid).toBe('PA_2')
})

test('R30 joinedAtMs orders sessions: an older one that is told of late is not the present one', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_2', { joinedAtMs: 2_000 })
  story.up('ada', 'a1', 'PA_1', { joinedAtMs: 1_000 })
  expect(story.last.ignored).toBe('stale-session')
  expect(story.context.connections['ada:a1']?.participantSid).toBe('PA_2')
})

test('R31 room_finished of the current LiveKit room puts everybody in doubt, and nobody out', () => {
  const story = pair()
  story.send({
    type: 'livekit.room.finished',
    at: story.at(),
    callId: story.context.callId,
    livekitRoomSid: 'RM_1',
  })
  expect(story.shown()).toEqual(['ada reconnecting', 'bo reconnecting'])
  story
    .after(2_000)
    .up('ada', 'a1', 'PA_a2', { room: 'RM_2' })
    .up('bo', 'b1', 'PA_b2', { room: 'RM_2' })
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
})

test('R31 room_finished of another LiveKit room of the same name changes nothing', () => {
  const story = pair()
  story.send({
    type: 'livekit.room.finished',
    at: story.at(),
    callId: story.context.callId,
    livekitRoomSid: 'RM_0',
  })
  expect(story.last).toMatchObject({ changed: false, ignored: 'stale-session' })
})

test('R31 a new room sid means that LiveKit restarted: the others are in doubt for thirty seconds', () => {
  const story = pair().up('ada', 'a1', 'PA_new', { room: 'RM_2' })
  expect(story.shown()).toEqual(['ada connected', 'bo reconnecting'])
  expect(story.context.connections['bo:b1']?.deadlineAt).toBe(story.at() + 30_000)
})

test('R30 R31 a late report of the old LiveKit room is taken for a new one: the next listing knows better, and nobody goes', () => {
  const roomStarted = (livekitRoomSid: string) =>
    story.send({
      type: 'livekit.room.started',
      at: story.at(),
      callId: story.context.callId,
      livekitRoomSid,
    })
  const story = pair()
  roomStarted('RM_2')
  story.up('ada', 'a1', 'PA_a2', { room: 'RM_2' }).up('bo', 'b1', 'PA_b2', { room: 'RM_2' })
  story.after(5_000)
  roomStarted('RM_late')
  expect(story.shown()).toEqual(['ada reconnecting', 'bo reconnecting'])

  const there = [
    { who: 'ada', page: 'a1', sid: 'PA_a2' },
    { who: 'bo', page: 'b1', sid: 'PA_b2' },
  ].map(({ sid, ...one }) => ({ ...one, participantSid: sid }))
  // It may lag behind, and show the room that is really over.
  story.after(1_999).listed(there, { room: 'RM_2' })
  expect(story.shown()).toEqual(['ada reconnecting', 'bo reconnecting'])
  story.after(1).listed(there, { room: 'RM_2' })
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
  expect(story.context).toMatchObject({
    livekitRoomSid: 'RM_2',
    deadRoomSids: ['RM_1', 'RM_late'],
  })
})

test('R34 a left report is doubt: Ada comes back within it and nobody saw her leave', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1')
  expect(story.types()).toEqual(['participant.reconnecting'])
  story.after(3_000).up('ada', 'a1', 'PA_2')
  expect(story.types()).toEqual(['participant.connected'])
})

test('R34 a further doubt does not move the deadline', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1')
  const deadlineAt = story.context.connections['ada:a1']?.deadlineAt
  story.after(4_000).listed([bo])
  expect(story.context.connections['ada:a1']?.deadlineAt).toBe(deadlineAt)
})

test('R34 a due doubt ends only by a listing begun two seconds after the deadline', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1')
  expect(nextListingAt(story.context)).toBe(story.at() + 12_000)
  expect(nextDeadlineAt(story.context)).toBeNull()
  story.after(13_000)
  story.listed([bo], { begunAt: story.at() - 1_001 })
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
  story.listed([bo], { begunAt: story.at() - 1_000 })
  expect(story.last.facts).toMatchObject([
    { type: 'participant.left', userId: 'ada', reason: 'expired', source: 'deadline' },
  ])
})

test('R34 a session in any state whose sid is not dead keeps a doubtful connection', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1').after(20_000)
  story.listed([{ who: 'ada', page: 'a1', participantSid: 'PA_2', state: 'JOINED' }, bo])
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
})

test('R34 a left of a later session, whose joined report was lost, is doubt as well', () => {
  const story = pair().after(1_000)
  story.gone('ada', 'a1', 'PA_unseen', 'CLIENT_INITIATED', { joinedAtMs: story.at() })
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
})

test('R34 a joining connection is not put in doubt by a left report or by absence', () => {
  const story = tellCall().join('ada', 'a1').gone('ada', 'a1', 'PA_0').listed([])
  expect(story.shown()).toEqual(['ada joining'])
  expect(story.context.connections['ada:a1']?.state).toBe('joining')
})

test('R34 a missing room gets the longer doubt in the first listing after trouble', () => {
  const story = pair().after(5_000).listed([], { room: null, isFirst: true })
  expect(story.context.connections['ada:a1']?.deadlineAt).toBe(story.at() + 30_000)
  const calm = pair().after(5_000).listed([], { room: null })
  expect(calm.context.connections['ada:a1']?.deadlineAt).toBe(calm.at() + 10_000)
})

test('R35 a missing or empty room counts as listed without participants', () => {
  expect(pair().after(5_000).listed([], { room: null }).shown()).toEqual([
    'ada reconnecting',
    'bo reconnecting',
  ])
  expect(pair().after(5_000).listed([]).shown()).toEqual(['ada reconnecting', 'bo reconnecting'])
})

test('R35 a join between a listing’s start and its evaluation is safe', () => {
  const story = tellCall().join('ada', 'a1')
  const begunAt = story.at()
  story.after(500).up('ada', 'a1', 'PA_1').after(500).listed([], { begunAt })
  expect(story.shown()).toEqual(['ada connected'])
})

test('R35 a session seen less than two seconds before a listing began is not put in doubt by it', () => {
  const story = pair().after(1_999).listed([bo])
  expect(story.shown()).toEqual(['ada connected', 'bo connected'])
  expect(story.after(1).listed([bo]).shown()).toEqual(['ada reconnecting', 'bo connected'])
})

test('R37 after a start, deadlines that are over wait until people could come back', () => {
  const story = pair().gone('ada', 'a1', 'PA_a1').after(60_000)
  story.listed([bo], { graceUntil: story.at() + 1 })
  expect(story.shown()).toEqual(['ada reconnecting', 'bo connected'])
  expect(story.after(1).listed([bo], { graceUntil: story.at() }).shown()).toEqual(['bo connected'])
})
