/** Turns the facts of a room into the rows of its history: days, the New line, messages, notices. */
import type { Fact } from '../../../server/protocol/wire.ts'
import type { Outgoing } from '../../stores/timelines.store.ts'

type FactOf<Type extends Fact['type']> = Extract<Fact, { type: Type }>

export type HistoryRow =
  | { kind: 'day'; key: string; at: number }
  | { kind: 'new'; key: string }
  /** `isMore`: the same person goes on, so that face and name stand once. */
  | { kind: 'message'; key: string; fact: FactOf<'message.posted'>; isMore: boolean }
  | { kind: 'call-started'; key: string; fact: FactOf<'call.started'> }
  | { kind: 'call-ended'; key: string; fact: FactOf<'call.ended'> }
  /** One of them, or many of the same kind in a row. */
  | { kind: 'member'; key: string; facts: readonly MemberFact[] }
  | { kind: 'outgoing'; key: string; message: Outgoing; isMore: boolean }

export type MemberFact = FactOf<'member.joined' | 'member.left'>

/** Who goes on within this time is not named again. */
const togetherMs = 5 * 60_000

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
    const last = rows.at(-1)
    if (row.kind === 'message') row.isMore = isMore(last, fact.by, fact.at)
    if (row.kind === 'member' && last?.kind === 'member' && isAlike(last, row)) {
      // Named by its newest: what comes from above joins a row that is there.
      rows[rows.length - 1] = { ...row, facts: [...last.facts, ...row.facts] }
    } else {
      rows.push(row)
    }
  }
  for (const message of outgoing) {
    beginDay(message.at)
    const goesOn = isMore(rows.at(-1), me, message.at)
    rows.push({ kind: 'outgoing', key: message.requestId, message, isMore: goesOn })
  }
  return rows
}

function isMore(last: HistoryRow | undefined, by: string | null, at: number): boolean {
  if (by === null) return false
  if (last?.kind === 'outgoing') return at - last.message.at < togetherMs
  return last?.kind === 'message' && last.fact.by === by && at - last.fact.at < togetherMs
}

/** All came, or went, by themselves or by the same person’s hand. */
function isAlike(row: { facts: readonly MemberFact[] }, more: { facts: readonly MemberFact[] }) {
  const [one, other] = [row.facts[0], more.facts[0]]
  if (!one || !other || one.type !== other.type) return false
  return byWhom(one) === byWhom(other)
}

/** Null: by themselves. */
export const byWhom = ({ by, userId }: MemberFact): string | null => (by === userId ? null : by)

/** A message keeps its row when the server's answer takes the place of what was shown at once. */
function toRow(fact: Fact): HistoryRow | null {
  const key = String(fact.seq)
  switch (fact.type) {
    case 'message.posted':
      return { kind: 'message', key: fact.requestId ?? key, fact, isMore: false }
    case 'call.started':
      return { kind: 'call-started', key, fact }
    case 'call.ended':
      return { kind: 'call-ended', key, fact }
    case 'member.joined':
    case 'member.left':
      return { kind: 'member', key, facts: [fact] }
    default:
      return null
  }
}
