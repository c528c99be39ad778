/** What the others are told: the facts about people, and the end of the call (R6, R14, R47). */
import type { Change } from './call.change.ts'
import { connectionsOf, liveConnections, nobody, type CallContext } from './call.context.ts'
import { actorOf, sourceOf, type CallEvent } from './call.events.ts'
import type { CallFact, EndReason, LeftReason, ParticipantState } from './call.facts.ts'
import { goneWhyOf, isGone, phaseOf, type Connection } from './connection.machine.ts'

/** What the others have to be told of those whose connections changed. */
export function announcePeople(context: CallContext, event: CallEvent): Change {
  const facts: CallFact[] = []
  let next: CallContext = { ...context, untold: nobody }
  for (const userId of context.untold) {
    const announced = announcePerson(next, userId, event)
    next = announced.context
    facts.push(...announced.facts)
  }
  return { context: next, effects: [], facts }
}

/** The difference between how a person is and how they were said to be. */
function announcePerson(
  context: CallContext,
  userId: string,
  event: CallEvent,
): { context: CallContext; facts: CallFact[] } {
  const { at } = event
  const { callId } = context
  const connections = connectionsOf(context, userId)
  const base = { at, callId, by: actorOf(event), source: sourceOf(event), userId }
  const told = context.people[userId]
  const best = bestOf(connections.filter((c) => !isGone(c)))
  if (!best) {
    if (!told) return { context, facts: [] }
    const { [userId]: _gone, ...people } = context.people
    return { context: { ...context, people }, facts: [{ ...base, ...leftOf(connections, base) }] }
  }
  const shown = shownAs(best, told?.shown)
  if (told?.shown === shown) return { context, facts: [] }
  const { connectionId } = best
  const facts: CallFact[] = []
  if (!told) facts.push({ ...base, type: 'participant.joined', connectionId })
  if (shown !== 'joining') facts.push({ ...base, type: `participant.${shown}`, connectionId })
  return {
    context: {
      ...context,
      people: { ...context.people, [userId]: { joinedAt: told?.joinedAt ?? at, shown } },
      tookPart:
        told || context.tookPart.includes(userId)
          ? context.tookPart
          : [...context.tookPart, userId],
    },
    facts,
  }
}

/** R34: who was connected once is never shown as joining again. */
function shownAs(best: Connection, told: ParticipantState | undefined): ParticipantState {
  if (best.state === 'connected') return 'connected'
  return told === undefined || told === 'joining' ? 'joining' : 'reconnecting'
}

/** R14, R19: the end of the call: everybody who is still in it, then the end itself, and the key goes. */
export function endCall(context: CallContext, event: CallEvent, reason: EndReason): Change {
  const { callId } = context
  const base = { at: event.at, callId, by: actorOf(event), source: sourceOf(event) }
  const stillIn = Object.keys(context.people).toSorted()
  const facts: CallFact[] = stillIn.map((userId) => ({
    ...base,
    type: 'participant.left',
    userId,
    connectionId:
      bestOf(liveConnections(context).filter((c) => c.userId === userId))?.connectionId ?? '',
    reason: 'call-ended',
  }))
  const last = reason === 'last-left' ? lastGone(Object.values(context.connections)) : undefined
  facts.push({
    ...base,
    // A call that ends because its last person expired ended by that deadline.
    source: last && leftReasonOf(last) === 'expired' ? 'deadline' : base.source,
    type: 'call.ended',
    reason,
    durationMs: Math.max(0, event.at - context.startedAt),
    participants: context.tookPart,
  })
  return {
    context: { ...context, people: {}, endReason: reason },
    facts,
    effects: [
      { type: 'key.shred', callId },
      { type: 'livekit.close-room', callId },
    ],
  }
}

function leftOf(connections: Connection[], { source }: Pick<CallFact, 'source'>) {
  const last = lastGone(connections)
  const reason = last ? leftReasonOf(last) : 'left'
  return {
    type: 'participant.left' as const,
    source: reason === 'expired' ? ('deadline' as const) : source,
    connectionId: last?.connectionId ?? '',
    reason,
  }
}

const order = { gone: 0, joining: 1, doubtful: 2, connected: 3 } as const
const rank = (c: Connection) => order[phaseOf(c)] * 1e9 + c.joinOrder

const bestOf = (connections: Connection[]) =>
  connections.reduce<Connection | undefined>((a, b) => (!a || rank(b) > rank(a) ? b : a), undefined)

const lastGone = (connections: Connection[]) =>
  connections.reduce<Connection | undefined>(
    (a, b) => (!a || (b.goneAt ?? 0) >= (a.goneAt ?? 0) ? b : a),
    undefined,
  )

function leftReasonOf(connection: Connection): LeftReason {
  const why = goneWhyOf(connection)
  switch (why) {
    case 'expired':
    case 'closed':
      return 'expired'
    case 'removed':
      return 'removed'
    case 'left':
    case 'handover':
    case null:
      return 'left'
    default:
      return why satisfies never
  }
}
