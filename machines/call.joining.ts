/** How people come into a call: the first join, later ones, other devices (R1, R8, R9, R27). */
import {
  evict,
  identityOf,
  move,
  only,
  withConnection,
  type Change,
  type EventOf,
} from './call.change.ts'
import { connectionsOf, isShutOut, toIdentity, userIdOf, type CallContext } from './call.context.ts'
import type { CallEffect, LivekitSession } from './call.events.ts'
import { moveConnection, openConnection, type Connection } from './connection.machine.ts'

/** R1: the first join makes the call and asks for its key. */
export function startCall(context: CallContext, event: EventOf<'join.requested'>): Change {
  return {
    context: {
      ...context,
      callId: event.freshCallId,
      startedAt: event.at,
      startedBy: event.userId,
    },
    effects: [{ type: 'key.mint', callId: event.freshCallId, keyEpoch: 0 }],
  }
}

/** The id that a join goes by: the page's own, unless it is shut out or the page named none (R8, R18). */
export function connectionIdFor(context: CallContext, event: EventOf<'join.requested'>): string {
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

/** R9: when a person's latest connection is up, those that joined earlier go, without a gap. */
export function handOver(context: CallContext, winner: Connection, at: number): Change {
  const effects: CallEffect[] = []
  let next = context
  for (const other of connectionsOf(context, winner.userId)) {
    if (other.joinOrder >= winner.joinOrder || other.state === 'gone') continue
    const identity = identityOf(other)
    next = move(next, identity, { type: 'shut.out', why: 'handover', at })
    effects.push(evict(next, identity, 'handover'))
  }
  return { context: next, effects }
}

/** Whether a call that was made anew from its facts believes in a connection that they do not name. */
export function isAdoptable(context: CallContext, session: LivekitSession): boolean {
  return context.rebuiltAt !== null && session.isMember && userIdOf(session.identity) !== undefined
}

/** A connection that the facts did not name, as LiveKit shows it. */
export function adopt(context: CallContext, session: LivekitSession, at: number): CallContext {
  const userId = userIdOf(session.identity)
  if (context.connections[session.identity] || userId === undefined) return context
  const joinOrder = context.joins + 1
  const connection = openConnection({
    userId,
    connectionId: session.identity.slice(userId.length + 1),
    sessionId: '',
    joinOrder,
    joinedAt: at,
    deadlineAt: at + context.timing.joinDeadlineMs,
  })
  return withConnection({ ...context, joins: joinOrder }, session.identity, connection)
}
