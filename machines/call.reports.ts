/** What LiveKit’s reports of sessions and rooms change (R6, R20, R27–R31, R34). */
import { evict, identityOf, move, only, type Change, type EventOf } from './call.change.ts'
import { liveConnections, type CallContext } from './call.context.ts'
import type { EvictWhy, LivekitSession } from './call.events.ts'
import { adopt, handOver } from './call.joining.ts'
import type { Connection } from './connection.machine.ts'

/** R31: another room sid means that LiveKit lost the room; whoever was up is in doubt until seen again. */
export function meetRoom(
  context: CallContext,
  livekitRoomSid: string | null,
  at: number,
): CallContext {
  if (livekitRoomSid === null || livekitRoomSid === context.livekitRoomSid) return context
  if (context.deadRoomSids.includes(livekitRoomSid)) return context
  const before = context.livekitRoomSid
  const next: CallContext = { ...context, livekitRoomSid, livekitRoomMetAt: at }
  if (before === null) return next
  return doubtAll(
    { ...next, deadRoomSids: [...context.deadRoomSids, before] },
    at + context.timing.roomDoubtMs,
  )
}

/**
 * R30, R31: reports of rooms come in any order, so a late one of an old room may pass for the newer.
 * What LiveKit lists, beyond its lag, is the room that there is.
 */
export function reviveRoom(
  context: CallContext,
  livekitRoomSid: string | null,
  begunAt: number,
): CallContext {
  if (livekitRoomSid === null || !context.deadRoomSids.includes(livekitRoomSid)) return context
  if (begunAt < context.livekitRoomMetAt + context.timing.listingLagMs) return context
  const deadRoomSids = context.deadRoomSids.filter((sid) => sid !== livekitRoomSid)
  return { ...context, deadRoomSids }
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
        livekitRoomMetAt: event.at,
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

export function bringSessionUp(context: CallContext, session: LivekitSession, at: number): Change {
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
