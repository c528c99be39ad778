/** How people come into a call: the first join, later ones, other devices (R1, R8, R9). */
import { only, withConnection, type Change, type EventOf } from './call.change.ts'
import { toIdentity, type CallContext } from './call.context.ts'
import { handOver } from './call.sessions.ts'
import { isShutOut, moveConnection, openConnection } from './connection.machine.ts'

/** R1: the first join makes the call and asks for its key. */
export function startCall(context: CallContext, event: EventOf<'join.requested'>): Change {
  const { at, userId, freshCallId: callId } = event
  return {
    context: { ...context, callId, startedAt: at, startedBy: userId },
    effects: [{ type: 'key.mint', callId, keyEpoch: 0 }],
    facts: [{ type: 'call.started', at, by: userId, source: 'user', callId }],
  }
}

/** The id that a join goes by: the page's own, unless it is shut out or the page named none (R8, R18). */
function connectionIdFor(context: CallContext, event: EventOf<'join.requested'>): string {
  if (event.connectionId === null) return event.freshConnectionId
  const known = context.connections[toIdentity(event.userId, event.connectionId)]
  return known && isShutOut(known) ? event.freshConnectionId : event.connectionId
}

/** R1, R8: a new connection, or the same page asking again. */
export function admitConnection(context: CallContext, event: EventOf<'join.requested'>): Change {
  const { at, userId, sessionId } = event
  const connectionId = connectionIdFor(context, event)
  const identity = toIdentity(userId, connectionId)
  const joinOrder = context.joins + 1
  const deadlineAt = at + context.timing.joinDeadlineMs
  const known = context.connections[identity]
  const connection = known
    ? moveConnection(known, { type: 'join.repeated', at, sessionId, joinOrder, deadlineAt })
    : openConnection({ userId, connectionId, sessionId, joinOrder, joinedAt: at, deadlineAt })
  const next = withConnection({ ...context, joins: joinOrder }, identity, connection)
  return connection.state === 'connected' ? handOver(next, connection, at) : only(next)
}
