/** Comparing a call with what LiveKit lists, and LiveKit that cannot be asked (R33–R37). */
import { evict, identityOf, move, only, type Change, type EventOf } from './call.change.ts'
import {
  hasTakenPlace,
  isDeadSession,
  isOvertaken,
  isShutOut,
  liveConnections,
  type CallContext,
} from './call.context.ts'
import type { CallEffect, LivekitSession } from './call.events.ts'
import { adopt, isAdoptable } from './call.joining.ts'
import { removePerson } from './call.leaving.ts'
import { bringSessionUp, meetRoom, reviveRoom, whyShutOut } from './call.reports.ts'

/** R27, R33–R36: one comparison with LiveKit, in both directions. */
export function compareWithListing(context: CallContext, event: EventOf<'livekit.listed'>): Change {
  const effects: CallEffect[] = []
  const { at, begunAt } = event
  const regained = regainSight(context, at)
  let next = reviveRoom(regained.context, event.livekitRoomSid, begunAt)
  const roomIsDead =
    event.livekitRoomSid !== null && next.deadRoomSids.includes(event.livekitRoomSid)
  next = meetRoom(next, event.livekitRoomSid, at)

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
    if (
      isDeadSession(next, connection, { ...session, livekitRoomSid: event.livekitRoomSid }) &&
      !hasTakenPlace(next, connection, event, session.participantSid)
    ) {
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

/** R37: since when LiveKit has been away, whichever process noticed first; a webhook begins that anew. */
export function awaySince(context: CallContext, event: EventOf<'livekit.unreachable'>): number {
  const failingSince = Math.min(context.unreachableSince ?? event.since, event.since)
  return Math.max(failingSince, event.aliveAt ?? failingSince)
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
