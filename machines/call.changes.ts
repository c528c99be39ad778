/**
 * How events change a call's context: one pure function a rule. The machine's actions call them;
 * the chart says when.
 */
import {
  connectionsOf,
  isDeadSession,
  isOvertaken,
  isShutOut,
  liveConnections,
  toIdentity,
  userIdOf,
  type CallContext,
} from './call.context.ts'
import type { CallEffect, CallEvent, EvictWhy, LivekitSession } from './call.events.ts'
import type { CallFact, EndReason, LeftReason, ParticipantState } from './call.facts.ts'
import { sourceOf } from './call.events.ts'
import {
  moveConnection,
  openConnection,
  type Connection,
  type ConnectionEvent,
} from './connection.machine.ts'

/** A change of the context with what it asks to be done. */
export interface Change {
  context: CallContext
  effects: CallEffect[]
  facts?: CallFact[]
}

type EventOf<T extends CallEvent['type']> = Extract<CallEvent, { type: T }>

const only = (context: CallContext): Change => ({ context, effects: [] })

function withConnection(context: CallContext, identity: string, next: Connection): CallContext {
  if (context.connections[identity] === next) return context
  return { ...context, connections: { ...context.connections, [identity]: next } }
}

function move(context: CallContext, identity: string, event: ConnectionEvent): CallContext {
  const connection = context.connections[identity]
  return connection ? withConnection(context, identity, moveConnection(connection, event)) : context
}

const identityOf = (c: Connection) => toIdentity(c.userId, c.connectionId)

function evict(context: CallContext, identity: string, why: EvictWhy): CallEffect {
  return { type: 'livekit.evict', callId: context.callId, identity, why }
}

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
function handOver(context: CallContext, winner: Connection, at: number): Change {
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

/** R12, R13: by own wish; an expired connection counts from then on as one that left. */
export function leave(context: CallContext, event: EventOf<'leave.requested'>): Change {
  const { at } = event
  const effects: CallEffect[] = []
  let next = context
  for (const connection of namedByLeave(context, event)) {
    const identity = identityOf(connection)
    next = move(next, identity, { type: 'shut.out', why: 'left', at })
    effects.push(evict(next, identity, 'left'))
  }
  return { context: next, effects }
}

/** The connections that a leave ends: of its own person only, and not those shut out already. */
export function namedByLeave(
  context: CallContext,
  event: EventOf<'leave.requested'>,
): Connection[] {
  return connectionsOf(context, event.userId).filter(
    (c) => !isShutOut(c) && (event.connectionId === null || c.connectionId === event.connectionId),
  )
}

/** R17: a page that closes puts its connection in doubt; a reload looks the same. */
export function doubtClosingPage(context: CallContext, event: EventOf<'leave.requested'>): Change {
  const deadlineAt = event.at + context.timing.doubtMs
  const identity = toIdentity(event.userId, event.connectionId ?? '')
  return only(move(context, identity, { type: 'page.closing', deadlineAt }))
}

/** R18: who lost the room loses the call in the same step, and what they know of its key is worth nothing soon. */
export function removePerson(context: CallContext, userId: string, at: number): Change {
  const effects: CallEffect[] = []
  let next = context
  for (const connection of connectionsOf(context, userId)) {
    if (connection.state === 'gone' && connection.goneWhy === 'removed') continue
    const identity = identityOf(connection)
    next = move(next, identity, { type: 'shut.out', why: 'removed', at })
    effects.push(evict(next, identity, 'removed'))
  }
  return { context: next === context ? context : { ...next, keyIsStale: true }, effects }
}

/** R45: those who stay get the next key; an empty call is about to end with the one that it has. */
export function rotateKey(context: CallContext, event: CallEvent): Change {
  if (!context.keyIsStale) return only(context)
  if (liveConnections(context).length === 0) return only({ ...context, keyIsStale: false })
  const { callId } = context
  const keyEpoch = context.keyEpoch + 1
  return {
    context: { ...context, keyIsStale: false, keyEpoch },
    effects: [{ type: 'key.mint', callId, keyEpoch }],
    facts: [
      {
        type: 'key.rotated',
        at: event.at,
        by: actorOf(event),
        source: sourceOf(event),
        callId,
        keyEpoch,
      },
    ],
  }
}

/** R37: LiveKit cannot say who is connected, so neither can we. */
export function loseSight(context: CallContext, event: EventOf<'livekit.unreachable'>): Change {
  return {
    context: { ...context, confirmed: false, unreachableSince: event.since },
    effects: [],
    facts: [
      {
        type: 'call.unconfirmed',
        at: event.at,
        by: null,
        source: 'reconciliation',
        callId: context.callId,
      },
    ],
  }
}

/** R37: since when LiveKit has been away, whichever process noticed first. */
export function awaySince(context: CallContext, event: EventOf<'livekit.unreachable'>): number {
  return Math.min(context.unreachableSince ?? event.since, event.since)
}

/** R37: LiveKit answers again; open deadlines wait until people could come back. */
function regainSight(context: CallContext, at: number): Change {
  if (context.confirmed) return only(context)
  const deadlineAt = at + context.timing.roomDoubtMs
  let next: CallContext = { ...context, confirmed: true, unreachableSince: null }
  for (const connection of liveConnections(next)) {
    if (connection.closing || connection.deadlineAt === null) continue
    if (connection.deadlineAt >= deadlineAt) continue
    next = move(next, identityOf(connection), { type: 'deadline.postponed', deadlineAt })
  }
  const { callId } = context
  return {
    context: next,
    effects: [],
    facts: [{ type: 'call.confirmed', at, by: null, source: 'reconciliation', callId }],
  }
}

/** R31: another room sid means that LiveKit lost the room; whoever was up is in doubt until seen again. */
function meetRoom(context: CallContext, livekitRoomSid: string | null, at: number): CallContext {
  if (livekitRoomSid === null || livekitRoomSid === context.livekitRoomSid) return context
  if (context.deadRoomSids.includes(livekitRoomSid)) return context
  const before = context.livekitRoomSid
  const next: CallContext = { ...context, livekitRoomSid }
  if (before === null) return next
  return doubtAll(
    { ...next, deadRoomSids: [...context.deadRoomSids, before] },
    at + context.timing.roomDoubtMs,
  )
}

function doubtAll(context: CallContext, deadlineAt: number): CallContext {
  let next = context
  for (const connection of liveConnections(context)) {
    next = move(next, identityOf(connection), { type: 'doubted', deadlineAt })
  }
  return next
}

/** R31 for `room_started`. */
export function noteRoom(context: CallContext, event: EventOf<'livekit.room.started'>): Change {
  return only(meetRoom(context, event.livekitRoomSid, event.at))
}

/** R31: the room of the current call is over; its people may come back at once, or not. */
export function doubtEverybody(
  context: CallContext,
  event: EventOf<'livekit.room.finished'>,
): Change {
  const sid = event.livekitRoomSid ?? context.livekitRoomSid
  return only(
    doubtAll(
      {
        ...context,
        livekitRoomSid: null,
        deadRoomSids: sid === null ? context.deadRoomSids : [...context.deadRoomSids, sid],
      },
      event.at + context.timing.doubtMs,
    ),
  )
}

/** R6, R9, R20: the media of a connection is up. */
export function bringUp(
  context: CallContext,
  event: EventOf<'livekit.participant.joined'>,
): Change {
  const met = meetRoom(context, event.livekitRoomSid, event.at)
  return bringSessionUp(adopt(met, event, event.at), event, event.at)
}

/** Whether a call that was made anew from its facts believes in a connection that they do not name. */
export function isAdoptable(context: CallContext, session: LivekitSession): boolean {
  return context.rebuiltAt !== null && session.isMember && userIdOf(session.identity) !== undefined
}

/** A connection that the facts did not name, as LiveKit shows it. */
function adopt(context: CallContext, session: LivekitSession, at: number): CallContext {
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

function bringSessionUp(context: CallContext, session: LivekitSession, at: number): Change {
  const next = move(context, session.identity, {
    type: 'media.up',
    participantSid: session.participantSid,
    sessionJoinedAt: session.joinedAtMs,
    at,
  })
  const connection = next.connections[session.identity]
  return connection?.state === 'connected' ? handOver(next, connection, at) : only(next)
}

/** R12, R20, R34: a session is over; the connection is in doubt if that was the one it had. */
export function endSession(
  context: CallContext,
  event: EventOf<'livekit.participant.left'>,
): Change {
  const connection = context.connections[event.identity]
  if (!connection) return only(context)
  const next = move(context, event.identity, {
    type: 'media.over',
    participantSid: event.participantSid,
  })
  // A later session than the one known, whose joined report was lost, is the one it had, too.
  const wasItsOwn =
    event.participantSid === connection.participantSid ||
    event.joinedAtMs > connection.sessionJoinedAt
  if (!wasItsOwn || event.reason === 'DUPLICATE_IDENTITY') return only(next)
  return only(
    move(next, event.identity, {
      type: 'doubted',
      deadlineAt: event.at + context.timing.doubtMs,
    }),
  )
}

/** R27: an expired connection that shows up after its person's later one is evicted for good. */
export function handOverLatecomer(
  context: CallContext,
  event: EventOf<'livekit.participant.joined'>,
): Change {
  return {
    context: move(context, event.identity, { type: 'shut.out', why: 'handover', at: event.at }),
    effects: [evict(context, event.identity, 'handover')],
  }
}

/** Why a connection that shows up is thrown out again (R18). */
export function whyShutOut(connection: Connection): EvictWhy {
  switch (connection.goneWhy) {
    case 'handover':
    case 'removed':
    case 'closed':
      return connection.goneWhy
    default:
      return 'left'
  }
}

/** R18, R28: evict whoever shows up and may not. */
export function evictAgain(
  context: CallContext,
  event: EventOf<
    'livekit.participant.joined' | 'livekit.participant.left' | 'livekit.participant.aborted'
  >,
): Change {
  const connection = context.connections[event.identity]
  const why = connection ? whyShutOut(connection) : 'unknown-identity'
  return { context, effects: [evict(context, event.identity, why)] }
}

/** R27, R33–R36: one comparison with LiveKit, in both directions. */
export function compareWithListing(context: CallContext, event: EventOf<'livekit.listed'>): Change {
  const effects: CallEffect[] = []
  const { at, begunAt } = event
  const regained = regainSight(context, at)
  const roomIsDead =
    event.livekitRoomSid !== null && context.deadRoomSids.includes(event.livekitRoomSid)
  let next = meetRoom(regained.context, event.livekitRoomSid, at)

  const inOrder = event.sessions.toSorted((a, b) => joinOrderOf(next, a) - joinOrderOf(next, b))
  for (const session of inOrder) {
    if (isAdoptable(next, session)) next = adopt(next, session, at)
    const connection = next.connections[session.identity]
    if (!connection) {
      effects.push(evict(next, session.identity, 'unknown-identity'))
      continue
    }
    if (isShutOut(connection)) {
      effects.push(evict(next, session.identity, whyShutOut(connection)))
      continue
    }
    if (!session.isMember) {
      const removed = removePerson(next, connection.userId, at)
      next = removed.context
      effects.push(...removed.effects)
      continue
    }
    if (session.state !== 'ACTIVE') continue
    if (isDeadSession(next, connection, { ...session, livekitRoomSid: event.livekitRoomSid })) {
      continue
    }
    if (connection.state === 'gone' && isOvertaken(next, connection)) {
      next = move(next, session.identity, { type: 'shut.out', why: 'handover', at })
      effects.push(evict(next, session.identity, 'handover'))
      continue
    }
    const up = bringSessionUp(next, session, at)
    next = up.context
    effects.push(...up.effects)
  }

  const lostRoom = event.livekitRoomSid === null && event.isFirst
  const doubtMs = lostRoom || !context.confirmed ? next.timing.roomDoubtMs : next.timing.doubtMs
  for (const connection of liveConnections(next)) {
    const identity = identityOf(connection)
    const isThere =
      !roomIsDead &&
      event.sessions.some(
        (s) => s.identity === identity && !connection.deadSids.includes(s.participantSid),
      )
    if (isThere) continue
    if (connection.state === 'connected') {
      // What was seen too shortly before may not have reached LiveKit's listing yet (R35).
      if (connection.lastSeenAt > begunAt - next.timing.listingLagMs) continue
      if (connection.joinedAt > begunAt) continue
      next = move(next, identity, { type: 'doubted', deadlineAt: at + doubtMs })
    } else if (
      !connection.closing &&
      connection.deadlineAt !== null &&
      begunAt >= Math.max(connection.deadlineAt + next.timing.listingLagMs, event.graceUntil)
    ) {
      next = move(next, identity, { type: 'deadline.passed', at })
    }
  }
  return { context: next, effects, facts: regained.facts ?? [] }
}

function joinOrderOf(context: CallContext, session: LivekitSession): number {
  return context.connections[session.identity]?.joinOrder ?? 0
}

/** R17, R34: the doubt of a closing page ends without asking. */
export function expireClosingPages(context: CallContext, event: EventOf<'deadline.due'>): Change {
  let next = context
  for (const connection of duePages(context, event.at)) {
    next = move(next, identityOf(connection), { type: 'deadline.passed', at: event.at })
  }
  return only(next)
}

export function duePages(context: CallContext, at: number): Connection[] {
  return liveConnections(context).filter(
    (c) => c.closing && c.deadlineAt !== null && c.deadlineAt <= at,
  )
}

/** What the others have to be told: the difference between who is there and who was said to be. */
export function announcePeople(
  context: CallContext,
  event: CallEvent,
): { context: CallContext; facts: CallFact[] } {
  const facts: CallFact[] = []
  const people = { ...context.people }
  const tookPart = [...context.tookPart]
  const base = { at: event.at, callId: context.callId }
  const by = actorOf(event)
  const source = sourceOf(event)

  for (const userId of new Set(Object.values(context.connections).map((c) => c.userId))) {
    const connections = connectionsOf(context, userId)
    const live = connections.filter((c) => c.state !== 'gone')
    const told = people[userId]
    if (live.length === 0) {
      if (!told) continue
      const last = connections.reduce((a, b) => ((b.goneAt ?? 0) >= (a.goneAt ?? 0) ? b : a))
      const reason = leftReasonOf(last)
      delete people[userId]
      facts.push({
        ...base,
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
    const fact = { ...base, by, source, userId, connectionId: best.connectionId }
    if (!told) {
      facts.push({ ...fact, type: 'participant.joined' })
      if (!tookPart.includes(userId)) tookPart.push(userId)
    }
    const hasBeenConnected = (told?.hasBeenConnected ?? false) || best.state === 'connected'
    const shown: ParticipantState =
      best.state === 'connected' ? 'connected' : hasBeenConnected ? 'reconnecting' : 'joining'
    if (shown === 'connected' && told?.shown !== 'connected') {
      facts.push({ ...fact, type: 'participant.connected' })
    }
    if (shown === 'reconnecting' && told?.shown !== 'reconnecting') {
      facts.push({ ...fact, type: 'participant.reconnecting' })
    }
    if (!told || told.shown !== shown) {
      people[userId] = { joinedAt: told?.joinedAt ?? event.at, shown, hasBeenConnected }
    }
  }
  if (facts.length === 0) return { context, facts }
  return { context: { ...context, people, tookPart }, facts }
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

/** The user whose wish an event is. */
function actorOf(event: CallEvent): string | null {
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

/** A call that ends because its last person expired ended by that deadline. */
function endSourceOf(context: CallContext, event: CallEvent) {
  const last = Object.values(context.connections).reduce<Connection | null>(
    (a, b) => (!a || (b.goneAt ?? 0) >= (a.goneAt ?? 0) ? b : a),
    null,
  )
  return last && leftReasonOf(last) === 'expired' ? ('deadline' as const) : sourceOf(event)
}
