/**
 * A call made anew from the facts of its room: for a snapshot that this program cannot read. What
 * facts do not tell (sessions, who was handed over) the next listing shows; until then nobody who is
 * a member is thrown out (`rebuiltAt`).
 */
import { emptyCall, toIdentity, type CallContext, type CallTiming } from './call.context.ts'
import type { CallFact, LeftReason } from './call.facts.ts'
import {
  isGone,
  openConnection,
  type Connection,
  type ConnectionState,
} from './connection.machine.ts'
import type { RoomFact } from './room.facts.ts'

/** The active call of these facts, oldest first; null when none is on after the last of them. `at`: now. */
export function foldCall(
  roomId: string,
  facts: Iterable<RoomFact>,
  timing: CallTiming,
  at: number,
): CallContext | null {
  let call: CallContext | null = null
  for (const fact of facts) {
    if (fact.type === 'call.started') {
      call = {
        ...emptyCall(roomId, timing),
        callId: fact.callId,
        startedAt: fact.at,
        startedBy: fact.by ?? '',
        rebuiltAt: at,
      }
    } else if (call && 'callId' in fact && fact.callId === call.callId) {
      call = take(call, fact)
    }
  }
  return call
}

/** The context after one more fact of its call; null when that ended it. */
function take(call: CallContext, fact: CallFact): CallContext | null {
  const { timing } = call
  switch (fact.type) {
    case 'call.started':
      return call
    case 'call.confirmed':
      return { ...call, unreachableSince: null }
    case 'call.unconfirmed':
      return { ...call, unreachableSince: fact.at }
    case 'key.rotated':
      return { ...call, keyEpoch: fact.keyEpoch }
    case 'participant.joined':
      return withPerson(withConnection(call, fact, { state: 'joining' }), fact.userId, {
        joinedAt: fact.at,
        shown: 'joining',
      })
    case 'participant.connected': {
      const next = withConnection(call, fact, { state: 'connected', deadlineAt: null })
      return withPerson(next, fact.userId, { shown: 'connected' })
    }
    case 'participant.reconnecting': {
      const deadlineAt = fact.at + timing.roomDoubtMs
      const next = withConnection(call, fact, { state: 'doubtful.away', deadlineAt })
      return withPerson(next, fact.userId, { shown: 'reconnecting' })
    }
    case 'participant.left': {
      const { [fact.userId]: _gone, ...people } = call.people
      return { ...endConnections(call, fact.userId, goneAs[fact.reason], fact.at), people }
    }
    case 'call.ended':
      return null
    default:
      return fact satisfies never
  }
}

const goneAs = {
  left: 'gone.shutOut.left',
  removed: 'gone.shutOut.removed',
  expired: 'gone.expired',
  'call-ended': 'gone.shutOut.left',
} as const satisfies Record<LeftReason, ConnectionState>

function withConnection(
  call: CallContext,
  { userId, connectionId, at }: { userId: string; connectionId: string; at: number },
  change: Partial<Connection>,
): CallContext {
  const identity = toIdentity(userId, connectionId)
  const joins = call.connections[identity] ? call.joins : call.joins + 1
  const connection =
    call.connections[identity] ??
    openConnection({
      userId,
      connectionId,
      // Its sockets ask for the key again when they come back.
      sessionId: '',
      joinOrder: joins,
      joinedAt: at,
      deadlineAt: at + call.timing.joinDeadlineMs,
    })
  return {
    ...call,
    joins,
    connections: { ...call.connections, [identity]: { ...connection, ...change } },
  }
}

function withPerson(
  call: CallContext,
  userId: string,
  change: Partial<CallContext['people'][string]>,
): CallContext {
  const before = call.people[userId] ?? {
    joinedAt: call.startedAt,
    shown: 'joining' as const,
  }
  const tookPart = call.tookPart.includes(userId) ? call.tookPart : [...call.tookPart, userId]
  return { ...call, tookPart, people: { ...call.people, [userId]: { ...before, ...change } } }
}

function endConnections(
  call: CallContext,
  userId: string,
  state: ConnectionState,
  goneAt: number,
): CallContext {
  const connections = Object.fromEntries(
    Object.entries(call.connections).map(([identity, connection]) =>
      connection.userId === userId && !isGone(connection)
        ? [identity, { ...connection, state, goneAt, deadlineAt: null }]
        : [identity, connection],
    ),
  )
  return { ...call, connections }
}
