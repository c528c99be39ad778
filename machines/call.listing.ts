/** Comparing a call with what LiveKit lists, and LiveKit that cannot be asked (R33–R37). */
import { identityOf, move, type Change, type EventOf } from './call.change.ts'
import { liveConnections, userIdOf, type CallContext } from './call.context.ts'
import type { CallEffect, LivekitSession } from './call.events.ts'
import { removePerson } from './call.leaving.ts'
import { meetRoom, reviveRoom } from './call.reports.ts'
import { bringUp, evictAgain, handOverLatecomer, judgeSession } from './call.sessions.ts'
import { isClosing } from './connection.machine.ts'

/**
 * R27, R33–R36: one comparison with LiveKit, in both directions. `after`: whether LiveKit could be asked
 * before, too; after an outage people may come back first (R37).
 */
export function compareWithListing(
  context: CallContext,
  event: EventOf<'livekit.listed'>,
  after: 'sight' | 'outage',
): Change {
  const { at, begunAt, livekitRoomSid } = event
  const seen = after === 'outage' ? postponeDeadlines(context, at) : context
  const revived = reviveRoom(seen, livekitRoomSid, begunAt)
  const roomIsDead = livekitRoomSid !== null && revived.deadRoomSids.includes(livekitRoomSid)
  const shown = judgeShown(meetRoom(revived, livekitRoomSid, at), event)
  const isForgiving = after === 'outage' || (livekitRoomSid === null && event.isFirst)
  return { ...shown, context: doubtMissing(shown.context, event, { roomIsDead, isForgiving }) }
}

/** Whom the listing shows. */
function judgeShown(context: CallContext, event: EventOf<'livekit.listed'>): Required<Change> {
  const { at } = event
  const effects: CallEffect[] = []
  let next = context
  let exposesKey = false
  const take = (change: Change) => {
    next = change.context
    effects.push(...change.effects)
    exposesKey ||= change.exposesKey ?? false
  }
  const inOrder = event.sessions.toSorted((a, b) => joinOrderOf(next, a) - joinOrderOf(next, b))
  for (const session of inOrder) {
    const verdict = judgeSession(next, session, event)
    switch (verdict) {
      case 'unknown':
      case 'shut-out':
        take(evictAgain(next, session.identity))
        break
      case 'not-a-member':
        take(removePerson(next, userIdOf(session.identity) ?? '', at))
        break
      case 'overtaken':
        take(handOverLatecomer(next, session.identity, at))
        break
      case 'adoptable':
      case 'up':
        take(bringUp(next, session, at))
        break
      case 'not-active':
      case 'dead':
        break
      default:
        verdict satisfies never
    }
  }
  return { context: next, effects, exposesKey, facts: [] }
}

/** Whom it does not show. */
function doubtMissing(
  context: CallContext,
  event: EventOf<'livekit.listed'>,
  { roomIsDead, isForgiving }: { roomIsDead: boolean; isForgiving: boolean },
): CallContext {
  const { at, begunAt, graceUntil } = event
  const { listingLagMs, roomDoubtMs, doubtMs } = context.timing
  const sidsOf = new Map<string, string[]>()
  for (const { identity, participantSid } of roomIsDead ? [] : event.sessions) {
    sidsOf.set(identity, [...(sidsOf.get(identity) ?? []), participantSid])
  }
  let next = context
  for (const connection of liveConnections(context)) {
    const identity = identityOf(connection)
    const { state, deadlineAt, deadSids } = connection
    if (sidsOf.get(identity)?.some((sid) => !deadSids.includes(sid))) continue
    if (state === 'connected') {
      // What was seen too shortly before may not have reached LiveKit's listing yet (R35).
      if (connection.lastSeenAt > begunAt - listingLagMs || connection.joinedAt > begunAt) continue
      next = move(next, identity, {
        type: 'doubted',
        deadlineAt: at + (isForgiving ? roomDoubtMs : doubtMs),
      })
    } else if (
      !isClosing(connection) &&
      deadlineAt !== null &&
      begunAt >= Math.max(deadlineAt + listingLagMs, graceUntil)
    ) {
      next = move(next, identity, { type: 'deadline.passed', at })
    }
  }
  return next
}

function joinOrderOf(context: CallContext, session: LivekitSession): number {
  return context.connections[session.identity]?.joinOrder ?? 0
}

/** R37: LiveKit cannot say who is connected, so neither can we. */
export function loseSight(context: CallContext, event: EventOf<'livekit.unreachable'>): Change {
  const { at, since } = event
  const { callId } = context
  return {
    context: { ...context, unreachableSince: since },
    effects: [],
    facts: [{ type: 'call.unconfirmed', at, by: null, source: 'reconciliation', callId }],
  }
}

/** R37: LiveKit answers again. */
export function regainSight(context: CallContext, { at }: EventOf<'livekit.listed'>): Change {
  const { callId } = context
  return {
    context: { ...context, unreachableSince: null },
    effects: [],
    facts: [{ type: 'call.confirmed', at, by: null, source: 'reconciliation', callId }],
  }
}

/** R37: since when LiveKit has been away, whichever process noticed first; a webhook begins that anew. */
export function awaySince(context: CallContext, event: EventOf<'livekit.unreachable'>): number {
  const failingSince = Math.min(context.unreachableSince ?? event.since, event.since)
  return Math.max(failingSince, event.aliveAt ?? failingSince)
}

/** R37: open deadlines wait until people could come back; those of closing pages do not. */
function postponeDeadlines(context: CallContext, at: number): CallContext {
  const deadlineAt = at + context.timing.roomDoubtMs
  let next = context
  for (const connection of liveConnections(context)) {
    next = move(next, identityOf(connection), { type: 'deadline.postponed', deadlineAt })
  }
  return next
}
