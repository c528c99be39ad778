/** What LiveKit’s reports of sessions and rooms change (R6, R20, R27–R31, R34). */
import { identityOf, move, only, type Change, type EventOf } from './call.change.ts'
import { liveConnections, type CallContext } from './call.context.ts'
import { bringUp } from './call.sessions.ts'

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
    { ...next, deadRoomSids: withDead(context, before) },
    at + context.timing.roomDoubtMs,
  )
}

/** Rooms of LiveKit's that a call outlived: as many as can still be spoken of. */
const mostDeadRooms = 16

function withDead({ deadRoomSids }: CallContext, sid: string | null): string[] {
  return sid === null ? deadRoomSids : [...deadRoomSids, sid].slice(-mostDeadRooms)
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
        deadRoomSids: withDead(context, sid),
      },
      event.at + context.timing.doubtMs,
    ),
  )
}

/** R6, R20, R31: a report that media is up, which may be the first word of a new room. */
export function bringReportedUp(
  context: CallContext,
  event: EventOf<'livekit.participant.joined'>,
): Change {
  return bringUp(meetRoom(context, event.livekitRoomSid, event.at), event, event.at)
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
