/** What the others are told: the facts about people, and the end of the call (R6, R14, R47). */
import { connectionsByUser, liveConnections, type CallContext } from './call.context.ts'
import { sourceOf, type CallEffect, type CallEvent } from './call.events.ts'
import type { CallFact, EndReason, LeftReason, ParticipantState } from './call.facts.ts'
import type { Connection } from './connection.machine.ts'

/** What the others have to be told: the difference between who is there and who was said to be. */
export function announcePeople(
  context: CallContext,
  event: CallEvent,
): { context: CallContext; facts: CallFact[] } {
  const facts: CallFact[] = []
  // Most reports change nothing that is told: copied when something is.
  let people = context.people
  let tookPart = context.tookPart
  const { at } = event
  const { callId } = context
  const by = actorOf(event)
  const source = sourceOf(event)

  for (const [userId, connections] of connectionsByUser(context)) {
    const live = connections.filter((c) => c.state !== 'gone')
    const told = people[userId]
    if (live.length === 0) {
      if (!told) continue
      const last = connections.reduce((a, b) => ((b.goneAt ?? 0) >= (a.goneAt ?? 0) ? b : a))
      const reason = leftReasonOf(last)
      const { [userId]: _gone, ...others } = people
      people = others
      facts.push({
        at,
        callId,
        type: 'participant.left',
        by,
        source: reason === 'expired' ? 'deadline' : source,
        userId,
        connectionId: last.connectionId,
        reason,
      })
      continue
    }
    const best = live.reduce((a, b) => (rank(b) > rank(a) ? b : a))
    const tell = (
      type: 'participant.joined' | 'participant.connected' | 'participant.reconnecting',
    ) => facts.push({ at, callId, by, source, userId, connectionId: best.connectionId, type })
    if (!told) {
      tell('participant.joined')
      if (!tookPart.includes(userId)) tookPart = [...tookPart, userId]
    }
    const hasBeenConnected = (told?.hasBeenConnected ?? false) || best.state === 'connected'
    const shown: ParticipantState =
      best.state === 'connected' ? 'connected' : hasBeenConnected ? 'reconnecting' : 'joining'
    if (shown === 'connected' && told?.shown !== 'connected') {
      tell('participant.connected')
    }
    if (shown === 'reconnecting' && told?.shown !== 'reconnecting') {
      tell('participant.reconnecting')
    }
    if (!told || told.shown !== shown) {
      const joinedAt = told?.joinedAt ?? at
      people = { ...people, [userId]: { joinedAt, shown, hasBeenConnected } }
    }
  }
  if (facts.length === 0) return { context, facts }
  return { context: { ...context, people, tookPart }, facts }
}

/** R14, R19: the end of the call: everybody who is still in it, then the end itself, and the key goes. */
export function endCall(
  context: CallContext,
  event: CallEvent,
  reason: EndReason,
): { context: CallContext; facts: CallFact[]; effects: CallEffect[] } {
  const base = { at: event.at, callId: context.callId, by: actorOf(event), source: sourceOf(event) }
  const stillIn = Object.entries(context.people).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const facts: CallFact[] = stillIn.map(([userId]) => {
    const live = liveConnections(context).filter((c) => c.userId === userId)
    const best = live.reduce<Connection | null>((a, b) => (!a || rank(b) > rank(a) ? b : a), null)
    return {
      ...base,
      type: 'participant.left' as const,
      userId,
      connectionId: best?.connectionId ?? '',
      reason: 'call-ended' as const,
    }
  })
  facts.push({
    ...base,
    source: reason === 'last-left' ? endSourceOf(context, event) : base.source,
    type: 'call.ended',
    reason,
    durationMs: Math.max(0, event.at - context.startedAt),
    participants: context.tookPart,
  })
  return {
    context: { ...context, people: {}, endReason: reason },
    facts,
    effects: [
      { type: 'key.shred', callId: context.callId },
      { type: 'livekit.close-room', callId: context.callId },
    ],
  }
}

const order = { gone: 0, joining: 1, doubtful: 2, connected: 3 } as const
const rank = (c: Connection) => order[c.state] * 1e9 + c.joinOrder

function leftReasonOf(connection: Connection): LeftReason {
  switch (connection.goneWhy) {
    case 'expired':
    case 'closed':
      return 'expired'
    case 'removed':
      return 'removed'
    default:
      return 'left'
  }
}

/** A call that ends because its last person expired ended by that deadline. */
function endSourceOf(context: CallContext, event: CallEvent) {
  const last = Object.values(context.connections).reduce<Connection | null>(
    (a, b) => (!a || (b.goneAt ?? 0) >= (a.goneAt ?? 0) ? b : a),
    null,
  )
  return last && leftReasonOf(last) === 'expired' ? ('deadline' as const) : sourceOf(event)
}

/** The user whose wish an event is. */
export function actorOf(event: CallEvent): string | null {
  switch (event.type) {
    case 'join.requested':
    case 'leave.requested':
      return event.userId
    case 'membership.lost':
    case 'room.deleted':
    case 'call.closed':
      return event.by
    default:
      return null
  }
}
