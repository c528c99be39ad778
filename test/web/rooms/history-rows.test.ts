import { expect, test } from 'vitest'
import type { Fact } from '../../../server/protocol/wire.ts'
import { toRows } from '../../../web/components/history/history-rows.ts'

const noon = new Date(2026, 2, 3, 12).getTime()
const day = 86_400_000

function message(seq: number, by: string, at = noon): Fact {
  return { type: 'message.posted', seq, at, by, source: 'user', text: `${by} ${seq}` }
}

function member(
  seq: number,
  type: 'member.joined' | 'member.left',
  userId: string,
  by: string,
  at = noon,
): Fact {
  return { type, seq, at, by, userId, source: 'user' }
}

const view = { outgoing: [], newAfter: null, me: 'ada' }
const kinds = (rows: ReturnType<typeof toRows>) => rows.map(({ kind }) => kind)

test('F6 each day begins with its line, once', () => {
  const entries = [message(1, 'bo', noon - day), message(2, 'bo'), message(3, 'ada')]
  expect(kinds(toRows({ ...view, entries }))).toEqual([
    'day',
    'message',
    'day',
    'message',
    'message',
  ])
})

test('F6 the New line stands before the first thing that Ada has not seen, and not before her own', () => {
  const entries = [message(4, 'bo'), message(5, 'ada'), message(6, 'bo'), message(7, 'bo')]
  const rows = toRows({ ...view, entries, newAfter: 4 })
  expect(kinds(rows)).toEqual(['day', 'message', 'message', 'new', 'message', 'message'])
})

test('F6 without anything new there is no New line', () => {
  const entries = [message(4, 'bo')]
  expect(kinds(toRows({ ...view, entries }))).not.toContain('new')
  expect(kinds(toRows({ ...view, entries, newAfter: 4 }))).not.toContain('new')
})

test('R47 what only moves the call is no row', () => {
  const base = { at: noon, by: 'bo', source: 'user', callId: 'c1' } as const
  const entries: Fact[] = [
    { ...base, type: 'call.started', seq: 1 },
    { ...base, type: 'participant.joined', seq: 2, userId: 'bo', connectionId: 'x' },
    { ...base, type: 'key.rotated', seq: 3, keyEpoch: 1 },
    {
      ...base,
      type: 'call.ended',
      seq: 4,
      reason: 'last-left',
      durationMs: 60_000,
      participants: ['bo'],
    },
  ]
  expect(kinds(toRows({ ...view, entries }))).toEqual(['day', 'call-started', 'call-ended'])
})

test('a message of Ada keeps its row when the server’s answer takes its place', () => {
  const outgoing = [{ requestId: 'r1', text: 'Hello', at: noon, failed: false }]
  const before = toRows({ ...view, entries: [], outgoing })
  const posted: Fact = {
    type: 'message.posted',
    seq: 1,
    at: noon,
    by: 'ada',
    source: 'user',
    text: 'Hello',
    requestId: 'r1',
  }
  const after = toRows({ ...view, entries: [posted] })
  expect(before.at(-1)?.key).toBe(after.at(-1)?.key)
})

test('F6 who goes on within five minutes is named once; another one, a pause or a notice begins anew', () => {
  const minute = 60_000
  const entries: Fact[] = [
    message(1, 'bo'),
    message(2, 'bo', noon + minute),
    message(3, 'cem', noon + 2 * minute),
    message(4, 'bo', noon + 3 * minute),
    message(5, 'bo', noon + 9 * minute),
    message(6, 'bo', noon + 10 * minute),
    member(7, 'member.joined', 'dan', 'dan', noon + 10 * minute),
    message(8, 'bo', noon + 11 * minute),
  ]
  const outgoing = [
    { requestId: 'r1', text: 'one', at: noon + 11 * minute, failed: false },
    { requestId: 'r2', text: 'two', at: noon + 12 * minute, failed: false },
  ]
  const more = toRows({ ...view, entries, outgoing }).flatMap((row) =>
    row.kind === 'message' || row.kind === 'outgoing' ? [row.isMore] : [],
  )
  expect(more).toEqual([false, true, false, false, false, true, false, false, true])
  // Ada’s own, when the server has them, stand as they stood while they waited.
  const posted = [message(9, 'ada', noon + 11 * minute), message(10, 'ada', noon + 12 * minute)]
  const after = toRows({ ...view, entries: [...entries, ...posted] }).slice(-2)
  expect(after).toMatchObject([{ isMore: false }, { isMore: true }])
})

test('F6 a day or the New line between two messages names their writer again', () => {
  const late = new Date(2026, 2, 3, 23, 59).getTime()
  const overnight = [message(1, 'bo', late), message(2, 'bo', late + 120_000)]
  expect(toRows({ ...view, entries: overnight }).at(-1)).toMatchObject({ isMore: false })
  const read = [message(1, 'bo'), message(2, 'bo')]
  expect(toRows({ ...view, entries: read, newAfter: 1 }).at(-1)).toMatchObject({ isMore: false })
})

test('F6 many who came in a row are one line; who was added, went, or came after a message is another', () => {
  const entries: Fact[] = [
    member(1, 'member.joined', 'ada', 'ada'),
    member(2, 'member.joined', 'bo', 'bo'),
    member(3, 'member.joined', 'cem', 'cem'),
    member(4, 'member.joined', 'dan', 'ada'),
    member(5, 'member.joined', 'eva', 'ada'),
    member(6, 'member.left', 'bo', 'bo'),
    message(7, 'ada'),
    member(8, 'member.joined', 'fin', 'fin'),
  ]
  const folded = toRows({ ...view, entries }).flatMap((row) =>
    row.kind === 'member' ? [row.facts.map(({ userId }) => userId)] : [],
  )
  expect(folded).toEqual([['ada', 'bo', 'cem'], ['dan', 'eva'], ['bo'], ['fin']])
})
