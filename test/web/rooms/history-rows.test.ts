import { expect, test } from 'vitest'
import type { Fact } from '../../../server/protocol/wire.ts'
import { toRows } from '../../../web/composables/history-rows.ts'

const noon = new Date(2026, 2, 3, 12).getTime()
const day = 86_400_000

function message(seq: number, by: string, at = noon): Fact {
  return { type: 'message.posted', seq, at, by, source: 'user', text: `${by} ${seq}` }
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
