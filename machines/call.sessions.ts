/** Judging one LiveKit session, as a report or a listing shows it, and bringing it up (R6, R9, R20, R27–R31). */
import {
  evict,
  identityOf,
  move,
  only,
  rememberGoneMs,
  withConnection,
  type Change,
} from './call.change.ts'
import { connectionsOf, userIdOf, type CallContext } from './call.context.ts'
import type { CallEffect, EvictWhy, LivekitSession } from './call.events.ts'
import {
  goneWhyOf,
  isGone,
  isShutOut,
  openConnection,
  type Connection,
} from './connection.machine.ts'

/** What shows a session: a report of its room, or a listing, which tells more. */
export interface Showing {
  at: number
  livekitRoomSid: string | null
  /** Of a listing: when it began, and what else it shows. */
  begunAt?: number
  sessions?: readonly LivekitSession[]
}

/**
 * What a session is to the call. `unknown`: never issued (R28). `adoptable`: the call was made anew
 * from its facts, which did not name it. `shut-out`: it left, was removed, handed over or closed (R18).
 * `not-a-member` (R27), `not-active` (R30), `dead`: it is over (R30). `overtaken`: its person's later
 * one is up (R27). `up`: its media is up (R6).
 */
export type Verdict =
  'unknown' | 'adoptable' | 'shut-out' | 'not-a-member' | 'not-active' | 'dead' | 'overtaken' | 'up'

export function judgeSession(
  context: CallContext,
  session: LivekitSession,
  showing: Showing,
): Verdict {
  const connection = context.connections[session.identity]
  if (!connection) {
    if (!couldBeOurs(context, session)) return 'unknown'
    return session.state === 'ACTIVE' ? 'adoptable' : 'not-active'
  }
  if (isShutOut(connection)) return 'shut-out'
  if (!session.isMember) return 'not-a-member'
  if (session.state !== 'ACTIVE') return 'not-active'
  if (
    isDead(context, connection, session, showing) &&
    !hasTakenPlace(context, connection, session, showing)
  ) {
    return 'dead'
  }
  return isGone(connection) && isOvertaken(context, connection) ? 'overtaken' : 'up'
}

/**
 * A call that was made anew from its facts believes in a member's connection that they do not name,
 * for as long as a token from before can live.
 */
function couldBeOurs({ rebuiltAt }: CallContext, session: LivekitSession): boolean {
  return (
    rebuiltAt !== null &&
    session.joinedAtMs < rebuiltAt + rememberGoneMs &&
    session.isMember &&
    userIdOf(session.identity) !== undefined
  )
}

/** Whether a session is over, or older than the one known of its connection (R30). */
function isDead(
  context: CallContext,
  connection: Connection,
  session: LivekitSession,
  { livekitRoomSid }: Showing,
): boolean {
  return (
    connection.deadSids.includes(session.participantSid) ||
    (livekitRoomSid !== null && context.deadRoomSids.includes(livekitRoomSid)) ||
    (session.participantSid !== connection.participantSid &&
      session.joinedAtMs > 0 &&
      session.joinedAtMs < connection.sessionJoinedAt)
  )
}

/**
 * R53: sessions are ordered by LiveKit's clock, which may have been set back. What a listing begun well
 * after the known session was last seen shows in place of it is the session that there is.
 */
function hasTakenPlace(
  context: CallContext,
  connection: Connection,
  { participantSid }: LivekitSession,
  { begunAt, sessions, livekitRoomSid }: Showing,
): boolean {
  return (
    begunAt !== undefined &&
    !connection.deadSids.includes(participantSid) &&
    (livekitRoomSid === null || !context.deadRoomSids.includes(livekitRoomSid)) &&
    begunAt >= connection.lastSeenAt + context.timing.listingLagMs &&
    !sessions?.some((session) => session.participantSid === connection.participantSid)
  )
}

/** A connection of the same person that joined later is up (R9, R27). */
function isOvertaken(context: CallContext, connection: Connection): boolean {
  return connectionsOf(context, connection.userId).some(
    (other) => other.joinOrder > connection.joinOrder && other.state === 'connected',
  )
}

/** R6, R20: the media of a connection is up; one that the facts did not name is taken in first. */
export function bringUp(context: CallContext, session: LivekitSession, at: number): Change {
  const next = move(adopt(context, session, at), session.identity, {
    type: 'media.up',
    participantSid: session.participantSid,
    sessionJoinedAt: session.joinedAtMs,
    at,
  })
  const connection = next.connections[session.identity]
  return connection?.state === 'connected' ? handOver(next, connection, at) : only(next)
}

function adopt(context: CallContext, { identity }: LivekitSession, at: number): CallContext {
  const userId = userIdOf(identity)
  if (context.connections[identity] || userId === undefined) return context
  const joinOrder = context.joins + 1
  const connection = openConnection({
    userId,
    connectionId: identity.slice(userId.length + 1),
    sessionId: '',
    joinOrder,
    joinedAt: at,
    deadlineAt: at + context.timing.joinDeadlineMs,
  })
  return withConnection({ ...context, joins: joinOrder }, identity, connection)
}

/** R9: when a person's latest connection is up, those that joined earlier go, without a gap. */
export function handOver(context: CallContext, winner: Connection, at: number): Change {
  const effects: CallEffect[] = []
  let next = context
  for (const other of connectionsOf(context, winner.userId)) {
    if (other.joinOrder >= winner.joinOrder || isGone(other)) continue
    const identity = identityOf(other)
    next = move(next, identity, { type: 'handed.over', at })
    effects.push(evict(next, identity, 'handover'))
  }
  return { context: next, effects }
}

/** R27: an expired connection that shows up after its person's later one is evicted for good. */
export function handOverLatecomer(context: CallContext, identity: string, at: number): Change {
  return {
    context: move(context, identity, { type: 'handed.over', at }),
    effects: [evict(context, identity, 'handover')],
  }
}

/** R18, R28: evict again whoever shows up and may not. */
export function evictAgain(context: CallContext, identity: string): Change {
  const connection = context.connections[identity]
  const why = connection ? whyEvicted(connection) : 'unknown-identity'
  return { context, effects: [evict(context, identity, why)] }
}

function whyEvicted(connection: Connection): EvictWhy {
  const why = goneWhyOf(connection)
  switch (why) {
    case 'left':
    case 'handover':
    case 'removed':
    case 'closed':
      return why
    case 'expired':
    case null:
      throw new Error('only what is shut out is evicted again')
    default:
      return why satisfies never
  }
}
