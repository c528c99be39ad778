/** Turns the facts of a room into the rows of its history: days, the New line, messages, notices. */
import type { Fact } from '../../server/protocol/wire.ts'
import type { Outgoing } from '../stores/timelines.store.ts'

type FactOf<Type extends Fact['type']> = Extract<Fact, { type: Type }>

export type HistoryRow =
  | { kind: 'day'; key: string; at: number }
  | { kind: 'new'; key: string }
  | { kind: 'message'; key: string; fact: FactOf<'message.posted'> }
  | { kind: 'call-started'; key: string; fact: FactOf<'call.started'> }
  | { kind: 'call-ended'; key: string; fact: FactOf<'call.ended'> }
  | { kind: 'member'; key: string; fact: FactOf<'member.joined' | 'member.left'> }
  | { kind: 'outgoing'; key: string; message: Outgoing }

export interface HistoryView {
  entries: readonly Fact[]
  outgoing: readonly Outgoing[]
  /** What has a higher number was not seen before; null when there is nothing new. */
  newAfter: number | null
  me: string
}

export function toRows({ entries, outgoing, newAfter, me }: HistoryView): HistoryRow[] {
  const rows: HistoryRow[] = []
  let day: number | null = null
  let isNewMarked = newAfter === null

  function beginDay(at: number): void {
    const midnight = new Date(at).setHours(0, 0, 0, 0)
    if (midnight === day) return
    day = midnight
    rows.push({ kind: 'day', key: `day.${midnight}`, at })
  }

  for (const fact of entries) {
    const row = toRow(fact)
    if (!row) continue
    beginDay(fact.at)
    // What I did myself is not news, and comes after nothing that is.
    if (!isNewMarked && fact.seq > (newAfter ?? 0) && fact.by !== me) {
      isNewMarked = true
      rows.push({ kind: 'new', key: 'new' })
    }
    rows.push(row)
  }
  for (const message of outgoing) {
    beginDay(message.at)
    rows.push({ kind: 'outgoing', key: message.requestId, message })
  }
  return rows
}

/** A message keeps its row when the server's answer takes the place of what was shown at once. */
function toRow(fact: Fact): HistoryRow | null {
  const key = String(fact.seq)
  switch (fact.type) {
    case 'message.posted':
      return { kind: 'message', key: fact.requestId ?? key, fact }
    case 'call.started':
      return { kind: 'call-started', key, fact }
    case 'call.ended':
      return { kind: 'call-ended', key, fact }
    case 'member.joined':
    case 'member.left':
      return { kind: 'member', key, fact }
    default:
      return null
  }
}
