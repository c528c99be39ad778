/** Tells a call's story to its machine: people by name, LiveKit's reports, listings, and time. */
import {
  defaultTiming,
  toIdentity,
  type CallContext,
  type CallTiming,
} from '../../machines/call.context.ts'
import type { CallEffect, CallEvent, LivekitSession } from '../../machines/call.events.ts'
import type { CallFact } from '../../machines/call.facts.ts'
import { applyFact, viewOfCall, type CallView } from '../../machines/call.view.ts'
import { activeCall, decide, idleCall, stageOf, type Decision } from '../../machines/decide.ts'

type Listed = Partial<Omit<LivekitSession, 'identity'>> & { who: string; page: string }

export interface CallStory {
  /** The decision of the last event. */
  readonly last: Decision
  readonly context: CallContext
  readonly value: 'idle' | 'active' | 'ended'
  readonly facts: CallFact[]
  readonly effects: CallEffect[]
  /** Who is shown, and how: `['ada joining', …]`. */
  shown(): string[]
  /** Moves the clock. */
  after(ms: number): CallStory
  at(): number
  join(who: string, page?: string | null, isMember?: boolean): CallStory
  leave(who: string, page?: string | null, callId?: string): CallStory
  close(who: string, page: string): CallStory
  /** LiveKit reports that the session is up. */
  up(
    who: string,
    page: string,
    sid: string,
    report?: Partial<LivekitSession> & { room?: string | null; callId?: string },
  ): CallStory
  /** LiveKit reports that the session is over. */
  gone(
    who: string,
    page: string,
    sid: string,
    reason?: string,
    report?: { joinedAtMs?: number; callId?: string },
  ): CallStory
  listed(
    sessions: Listed[],
    listing?: {
      room?: string | null
      begunAt?: number
      isFirst?: boolean
      graceUntil?: number
      callId?: string
    },
  ): CallStory
  due(): CallStory
  /** LiveKit could not be asked since then. */
  away(since: number): CallStory
  /** Somebody loses the room. */
  lose(who: string, by?: string | null): CallStory
  send(event: CallEvent): CallStory
  types(): string[]
}

/** `RM_1` carries the call unless a listing or report says otherwise. */
export function tellCall(
  roomId = 'room',
  timing: Partial<CallTiming> = {},
  /** A call that is on already. */
  from: CallContext | null = null,
): CallStory {
  let snapshot = from ? activeCall(from) : idleCall(roomId, { ...defaultTiming, ...timing })
  let at = 1_000_000
  let made = 0
  let last: Decision | null = null
  const facts: CallFact[] = []
  const effects: CallEffect[] = []
  let view: CallView | null = from && viewOfCall(from)

  const current = () => snapshot.context.callId
  const story: CallStory = {
    get last() {
      if (!last) throw new Error('nothing happened yet')
      return last
    },
    get context() {
      return snapshot.context
    },
    get value() {
      return stageOf(snapshot)
    },
    facts,
    effects,
    shown: () => (view?.participants ?? []).map((p) => `${p.userId} ${p.state}`),
    after(ms) {
      at += ms
      return story
    },
    at: () => at,
    join: (who, page = null, isMember = true) =>
      story.send({
        type: 'join.requested',
        at,
        userId: who,
        sessionId: `session of ${who}`,
        connectionId: page,
        freshConnectionId: `fresh${++made}`,
        freshCallId: `call${++made}`,
        isMember,
      }),
    leave: (who, page = null, callId = current()) =>
      story.send({
        type: 'leave.requested',
        at,
        callId,
        userId: who,
        connectionId: page,
        closing: false,
      }),
    close: (who, page) =>
      story.send({
        type: 'leave.requested',
        at,
        callId: current(),
        userId: who,
        connectionId: page,
        closing: true,
      }),
    up: (who, page, sid, { room = 'RM_1', callId = current(), ...session } = {}) =>
      story.send({
        type: 'livekit.participant.joined',
        at,
        callId,
        livekitRoomSid: room,
        identity: toIdentity(who, page),
        participantSid: sid,
        state: 'ACTIVE',
        joinedAtMs: at,
        isMember: true,
        ...session,
      }),
    gone: (
      who,
      page,
      sid,
      reason = 'CLIENT_INITIATED',
      { joinedAtMs = 0, callId = current() } = {},
    ) =>
      story.send({
        type: 'livekit.participant.left',
        at,
        callId,
        livekitRoomSid: 'RM_1',
        identity: toIdentity(who, page),
        participantSid: sid,
        state: 'DISCONNECTED',
        joinedAtMs,
        isMember: true,
        reason,
      }),
    listed: (
      sessions,
      { room = 'RM_1', begunAt = at, isFirst = false, graceUntil = 0, callId = current() } = {},
    ) =>
      story.send({
        type: 'livekit.listed',
        at,
        callId,
        begunAt,
        livekitRoomSid: room,
        sessions: sessions.map(({ who, page, ...session }) => ({
          identity: toIdentity(who, page),
          participantSid: `PA_${who}_${page}`,
          state: 'ACTIVE' as const,
          joinedAtMs: 0,
          isMember: true,
          ...session,
        })),
        isFirst,
        graceUntil,
      }),
    due: () => story.send({ type: 'deadline.due', at, callId: current() }),
    away: (since) => story.send({ type: 'livekit.unreachable', at, callId: current(), since }),
    lose: (who, by = null) => story.send({ type: 'membership.lost', at, userId: who, by }),
    send(event) {
      last = decide(snapshot, event)
      snapshot = last.snapshot
      facts.push(...last.facts)
      effects.push(...last.effects)
      for (const fact of last.facts) view = applyFact(roomId, view, fact)
      assertViewsAgree(view, stageOf(snapshot) === 'active' ? viewOfCall(snapshot.context) : null)
      return story
    },
    types: () => story.last.facts.map((fact) => fact.type),
  }
  return story
}

/** I4, after every single event of every story. */
function assertViewsAgree(replayed: CallView | null, served: CallView | null): void {
  if (JSON.stringify(replayed) !== JSON.stringify(served)) {
    throw new Error(
      `I4 replaying the facts gives another view:\n${JSON.stringify(replayed)}\n${JSON.stringify(served)}`,
    )
  }
}
