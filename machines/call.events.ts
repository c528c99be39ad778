/**
 * What may happen to a call, and what it asks to be done.
 *
 * Every event carries its time; ids that an event may need are made at the edge and come with it,
 * so that a call decides without clock or chance (I6).
 */
import type { FactSource } from './call.facts.ts'

/** LiveKit's `ParticipantInfo.State`, by name. */
export type LivekitParticipantState = 'JOINING' | 'JOINED' | 'ACTIVE' | 'DISCONNECTED'

/** One media session of a connection, as a report or a listing shows it. */
export interface LivekitSession {
  /** `{userId}:{connectionId}`; whatever LiveKit says when this server never issued it (R28). */
  identity: string
  participantSid: string
  state: LivekitParticipantState
  /** LiveKit's `joinedAtMs`; 0 when it did not say. */
  joinedAtMs: number
  /** Read inside the step: whether this user is a member of the room now (R27). */
  isMember: boolean
}

export type CallEvent =
  | {
      type: 'join.requested'
      at: number
      userId: string
      /** The session that asks: its sockets get the next keys of the call (R45). */
      sessionId: string
      /** The page's own id, or null when it lets the server make one. */
      connectionId: string | null
      /** Taken when none was named, or when the one named is shut out (R18). */
      freshConnectionId: string
      /** The id of the call if this join starts one. */
      freshCallId: string
      isMember: boolean
    }
  | {
      type: 'leave.requested'
      at: number
      callId: string
      userId: string
      /** Null: all of one's own connections. */
      connectionId: string | null
      /** The page says that it closes: doubt, not a leave (R17). */
      closing: boolean
    }
  | { type: 'membership.lost'; at: number; userId: string; by: string | null }
  | { type: 'room.deleted'; at: number; by: string | null }
  | { type: 'calls.disabled'; at: number }
  | { type: 'call.closed'; at: number; callId: string; by: string }
  | ({ type: 'livekit.participant.joined' } & LivekitReport & LivekitSession)
  | ({ type: 'livekit.participant.left'; reason: string } & LivekitReport & LivekitSession)
  | ({ type: 'livekit.participant.aborted'; reason: string } & LivekitReport & LivekitSession)
  | ({ type: 'livekit.room.started' } & LivekitReport)
  | ({ type: 'livekit.room.finished' } & LivekitReport)
  | LivekitListed
  /** R37: passes have failed since then, and for long enough to say so. */
  | {
      type: 'livekit.unreachable'
      at: number
      callId: string
      since: number
      /** When a webhook last showed that LiveKit lives, whoever took it; left out in old steps. */
      aliveAt?: number | null
    }
  | { type: 'deadline.due'; at: number; callId: string }
  /** Its stored snapshot could not be read; this is what its facts tell. */
  | { type: 'snapshot.rebuilt'; at: number; callId: string }

/** What every webhook about a room tells. */
export interface LivekitReport {
  at: number
  callId: string
  livekitRoomSid: string | null
}

/** A successful comparison with LiveKit. A room that is missing or empty has no sessions (R35). */
export interface LivekitListed {
  type: 'livekit.listed'
  at: number
  callId: string
  /** When the listing began: what happened after it is safe from it. */
  begunAt: number
  /** Null when the room was missing. */
  livekitRoomSid: string | null
  sessions: LivekitSession[]
  /** The first listing after a failed one or after a start: a missing room gets the longer doubt (R34). */
  isFirst: boolean
  /** No deadline ends anybody before this time: after a start of ours, people may come back (R37). */
  graceUntil: number
}

export type EvictWhy =
  'left' | 'removed' | 'handover' | 'closed' | 'not-a-member' | 'unknown-identity'

/** What a step asks to be done with its commit (keys) or after it, until it is done (R18, R39). */
export type CallEffect =
  | { type: 'key.mint'; callId: string; keyEpoch: number }
  | { type: 'key.shred'; callId: string }
  | { type: 'livekit.evict'; callId: string; identity: string; why: EvictWhy }
  | { type: 'livekit.close-room'; callId: string }

/** Why an event changed nothing (R32). */
export type IgnoredReason =
  | 'stale-call'
  | 'stale-session'
  | 'foreign-room'
  | 'duplicate'
  | 'not-a-member'
  | 'not-active'
  | 'call-full'
  | 'handover'
  | 'shut-out'
  | 'unknown-identity'
  | 'not-in-call'
  | 'not-due'
  | 'aborted'
  | 'no-change'
  | 'not-a-call-event'

/**
 * Raised by the call itself when somebody who has its key may not have it any more (R45); with what
 * the rotation's fact tells. No ingress takes it.
 */
export interface KeyExposed {
  type: 'key.exposed'
  at: number
  by: string | null
  source: FactSource
}

/** The ways in, by event. */
export function sourceOf(event: CallEvent): FactSource {
  switch (event.type) {
    case 'join.requested':
    case 'leave.requested':
    case 'room.deleted':
      return 'user'
    case 'membership.lost':
      return 'membership'
    case 'calls.disabled':
    case 'call.closed':
      return 'admin'
    case 'livekit.listed':
    case 'livekit.unreachable':
    case 'snapshot.rebuilt':
      return 'reconciliation'
    case 'deadline.due':
      return 'deadline'
    case 'livekit.participant.joined':
    case 'livekit.participant.left':
    case 'livekit.participant.aborted':
    case 'livekit.room.started':
    case 'livekit.room.finished':
      return 'livekit'
    default:
      return event satisfies never
  }
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
    case 'calls.disabled':
    case 'livekit.listed':
    case 'livekit.unreachable':
    case 'snapshot.rebuilt':
    case 'deadline.due':
    case 'livekit.participant.joined':
    case 'livekit.participant.left':
    case 'livekit.participant.aborted':
    case 'livekit.room.started':
    case 'livekit.room.finished':
      return null
    default:
      return event satisfies never
  }
}
