/** What a call remembers, and the questions that its rules ask of it. */
import { isShutOut, type Connection } from './connection.machine.ts'
import type { EndReason, ParticipantState } from './call.facts.ts'

/** The deadlines and limits of SPEC.md; configuration, laid over every restored call. */
export interface CallTiming {
  /** R7: a join that does not connect. */
  joinDeadlineMs: number
  /** R34: how long a connection may be in doubt. */
  doubtMs: number
  /** R34: the same when LiveKit lost the whole room. */
  roomDoubtMs: number
  /** R34, R35: how far LiveKit's listings may lag behind. */
  listingLagMs: number
  /** R37: how long LiveKit may be away before the call ends. */
  livekitAwayMs: number
  /** R11: people in one call; 0: no limit. */
  mostPeople: number
}

export const defaultTiming: CallTiming = {
  joinDeadlineMs: 45_000,
  doubtMs: 10_000,
  roomDoubtMs: 30_000,
  listingLagMs: 2_000,
  livekitAwayMs: 3_600_000,
  mostPeople: 0,
}

/** A person in the call: what the others were told of them last. */
export interface Person {
  joinedAt: number
  shown: ParticipantState
  hasBeenConnected: boolean
}

export interface CallContext {
  roomId: string
  timing: CallTiming
  /** Empty until the first join. */
  callId: string
  startedAt: number
  startedBy: string
  keyEpoch: number
  /** Somebody who has the key was removed: it is rotated before the step is over (R45). */
  keyIsStale: boolean
  /** False while LiveKit cannot be asked who is connected (R37). */
  confirmed: boolean
  /** Since when it could not be asked; null while confirmed. */
  unreachableSince: number | null
  /** LiveKit's own id of the room that carries this call now; another one means that LiveKit restarted (R31). */
  livekitRoomSid: string | null
  /** When that changed last: a listing begun well after it knows better which room carries the call. */
  livekitRoomMetAt: number
  /** Rooms that are over: what a late report or stale listing says of them counts as nothing. */
  deadRoomSids: string[]
  /** By LiveKit identity, gone ones too: they stay shut out until the call ends. */
  connections: Record<string, Connection>
  /** By user id: who is in the call, as told. */
  people: Record<string, Person>
  /** Everybody who was ever in it, in order of their first join. */
  tookPart: string[]
  /** Counts joins, so that a person's latest can be told (R9). */
  joins: number
  /** When it was made anew from the facts alone: what LiveKit shows of members is then believed, not evicted. */
  rebuiltAt: number | null
  endReason: EndReason | null
}

/** LiveKit's identity of a connection. */
export function toIdentity(userId: string, connectionId: string): string {
  return `${userId}:${connectionId}`
}

/** The user of an identity that has our shape; undefined for any other. */
export function userIdOf(identity: string): string | undefined {
  const at = identity.indexOf(':')
  return at > 0 && at < identity.length - 1 ? identity.slice(0, at) : undefined
}

export function emptyCall(roomId: string, timing: CallTiming): CallContext {
  return {
    roomId,
    timing,
    callId: '',
    startedAt: 0,
    startedBy: '',
    keyEpoch: 0,
    keyIsStale: false,
    confirmed: true,
    unreachableSince: null,
    livekitRoomSid: null,
    livekitRoomMetAt: 0,
    deadRoomSids: [],
    connections: {},
    people: {},
    tookPart: [],
    joins: 0,
    rebuiltAt: null,
    endReason: null,
  }
}

export function liveConnections(context: CallContext): Connection[] {
  return Object.values(context.connections).filter((c) => c.state !== 'gone')
}

/** The connections of one user, gone ones too. */
export function connectionsOf(context: CallContext, userId: string): Connection[] {
  return Object.values(context.connections).filter((c) => c.userId === userId)
}

/** All connections in one pass: big calls are looked through at every event. */
export function connectionsByUser(context: CallContext): Map<string, Connection[]> {
  const byUser = new Map<string, Connection[]>()
  for (const connection of Object.values(context.connections)) {
    const mine = byUser.get(connection.userId)
    if (mine) mine.push(connection)
    else byUser.set(connection.userId, [connection])
  }
  return byUser
}

/** R11: whether there is no room for this person; who is in it already may always come again. */
export function isFullFor(context: CallContext, userId: string): boolean {
  const { mostPeople } = context.timing
  if (mostPeople === 0 || context.people[userId]) return false
  return Object.keys(context.people).length >= mostPeople
}

/** A connection of the same person that joined later and is up (R9, R27). */
export function isOvertaken(context: CallContext, connection: Connection): boolean {
  return connectionsOf(context, connection.userId).some(
    (other) => other.joinOrder > connection.joinOrder && other.state === 'connected',
  )
}

/** Whether a session is over, or older than the one known of its connection (R30). */
export function isDeadSession(
  context: CallContext,
  connection: Connection,
  session: { participantSid: string; joinedAtMs: number; livekitRoomSid: string | null },
): boolean {
  return (
    connection.deadSids.includes(session.participantSid) ||
    (session.livekitRoomSid !== null && context.deadRoomSids.includes(session.livekitRoomSid)) ||
    (session.participantSid !== connection.participantSid &&
      session.joinedAtMs > 0 &&
      session.joinedAtMs < connection.sessionJoinedAt)
  )
}

/**
 * R53: sessions are ordered by LiveKit's clock, which may have been set back. What a listing begun well
 * after the known session was last seen shows in place of it is the session that there is.
 */
export function hasTakenPlace(
  context: CallContext,
  connection: Connection,
  {
    begunAt,
    sessions,
    livekitRoomSid,
  }: {
    begunAt: number
    sessions: readonly { participantSid: string }[]
    livekitRoomSid: string | null
  },
  participantSid: string,
): boolean {
  return (
    !connection.deadSids.includes(participantSid) &&
    (livekitRoomSid === null || !context.deadRoomSids.includes(livekitRoomSid)) &&
    begunAt >= connection.lastSeenAt + context.timing.listingLagMs &&
    !sessions.some((session) => session.participantSid === connection.participantSid)
  )
}

/** A call that is listed every two seconds: somebody joins, or is in doubt (R33). */
export function isRestless(context: CallContext): boolean {
  return liveConnections(context).some((c) => c.state !== 'connected')
}

/**
 * When a `deadline.due` is owed: the doubt of a closing page, which ends without asking (R34).
 * Null when there is none.
 */
export function nextDeadlineAt(context: CallContext): number | null {
  return earliest(liveConnections(context).filter((c) => c.closing))
}

/**
 * When a listing should begin so that it can end what LiveKit does not show (R7, R34).
 * Null when nothing waits for one.
 */
export function nextListingAt(context: CallContext): number | null {
  const deadlineAt = earliest(liveConnections(context).filter((c) => !c.closing))
  return deadlineAt === null ? null : deadlineAt + context.timing.listingLagMs
}

function earliest(connections: Connection[]): number | null {
  let first: number | null = null
  for (const { deadlineAt } of connections) {
    if (deadlineAt !== null && (first === null || deadlineAt < first)) first = deadlineAt
  }
  return first
}

export { isShutOut }
