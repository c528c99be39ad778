/** What a call remembers, and the questions that its rules ask of it. */
import { isClosing, isGone, type Connection } from './connection.machine.ts'
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
}

export interface CallContext {
  roomId: string
  timing: CallTiming
  /** Empty until the first join. */
  callId: string
  startedAt: number
  startedBy: string
  keyEpoch: number
  /** Since when LiveKit could not be asked who is connected; null while it can (R37). */
  unreachableSince: number | null
  /** LiveKit's own id of the room that carries this call now; another one means that LiveKit restarted (R31). */
  livekitRoomSid: string | null
  /** When that changed last: a listing begun well after it knows better which room carries the call. */
  livekitRoomMetAt: number
  /** The latest rooms that are over: what a late report or stale listing says of them counts as nothing. */
  deadRoomSids: string[]
  /** By LiveKit identity; those that are gone too, for as long as they could do harm (R51). */
  connections: Record<string, Connection>
  /** By user id: who is in the call, as told. */
  people: Record<string, Person>
  /** Whose connections changed since the others were told; nobody's once a step is over. */
  untold: readonly string[]
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

/** One object, so that a step that told everybody is seen to have changed nothing. */
export const nobody: readonly string[] = []

export function emptyCall(roomId: string, timing: CallTiming): CallContext {
  return {
    roomId,
    timing,
    callId: '',
    startedAt: 0,
    startedBy: '',
    keyEpoch: 0,
    unreachableSince: null,
    livekitRoomSid: null,
    livekitRoomMetAt: 0,
    deadRoomSids: [],
    connections: {},
    people: {},
    untold: nobody,
    tookPart: [],
    joins: 0,
    rebuiltAt: null,
    endReason: null,
  }
}

export function liveConnections(context: CallContext): Connection[] {
  return Object.values(context.connections).filter((c) => !isGone(c))
}

/** The connections of one user, those that are gone too. */
export function connectionsOf(context: CallContext, userId: string): Connection[] {
  return Object.values(context.connections).filter((c) => c.userId === userId)
}

/** R11: whether there is no room for this person; who is in it already may always come again. */
export function isFullFor(context: CallContext, userId: string): boolean {
  const { mostPeople } = context.timing
  if (mostPeople === 0 || context.people[userId]) return false
  return Object.keys(context.people).length >= mostPeople
}

/** Somebody joins, or is in doubt: such a call is listed every two seconds (R33). */
export function isUnsettled(context: CallContext): boolean {
  return Object.values(context.connections).some((c) => c.state !== 'connected' && !isGone(c))
}

/**
 * When a `deadline.due` is owed: the doubt of a closing page, which ends without asking (R34).
 * Null when there is none.
 */
export function nextDeadlineAt(context: CallContext): number | null {
  return earliestDeadline(context, isClosing)
}

/**
 * When a listing should begin so that it can end what LiveKit does not show (R7, R34).
 * Null when nothing waits for one.
 */
export function nextListingAt(context: CallContext): number | null {
  const deadlineAt = earliestDeadline(context, (c) => !isClosing(c))
  return deadlineAt === null ? null : deadlineAt + context.timing.listingLagMs
}

/** What is gone has no deadline. */
function earliestDeadline(
  { connections }: CallContext,
  counts: (connection: Connection) => boolean,
): number | null {
  let first: number | null = null
  for (const connection of Object.values(connections)) {
    const { deadlineAt } = connection
    if (deadlineAt === null || (first !== null && deadlineAt >= first)) continue
    if (counts(connection)) first = deadlineAt
  }
  return first
}
