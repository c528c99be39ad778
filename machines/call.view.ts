/** What a browser may see of a call, and how facts move it (I4). */
import type { CallContext } from './call.context.ts'
import type { ParticipantState } from './call.facts.ts'
import type { RoomFact } from './room.facts.ts'

export interface ParticipantView {
  userId: string
  /** When the person joined; stays through a move between devices. */
  joinedAt: number
  state: ParticipantState
}

/** The call as it is served, display names aside. */
export interface CallView {
  callId: string
  roomId: string
  startedAt: number
  startedBy: string
  /** False while LiveKit cannot be asked who is connected (R37). */
  confirmed: boolean
  /** By time of joining, then by user id. */
  participants: ParticipantView[]
}

const byJoining = (a: ParticipantView, b: ParticipantView) =>
  a.joinedAt - b.joinedAt || (a.userId < b.userId ? -1 : a.userId > b.userId ? 1 : 0)

/** Sorts people as every view shows them. */
export function inOrderOfJoining(participants: ParticipantView[]): ParticipantView[] {
  return participants.toSorted(byJoining)
}

/**
 * The view after one more fact of the room. Facts about anything but the call that is on change
 * nothing, and the same object comes back, so that callers can compare by identity.
 */
export function applyFact(roomId: string, view: CallView | null, fact: RoomFact): CallView | null {
  if (fact.type === 'call.started') {
    return {
      callId: fact.callId,
      roomId,
      startedAt: fact.at,
      startedBy: fact.by ?? '',
      confirmed: true,
      participants: [],
    }
  }
  if (!view || !('callId' in fact) || fact.callId !== view.callId) return view
  switch (fact.type) {
    case 'call.confirmed':
      return { ...view, confirmed: true }
    case 'call.unconfirmed':
      return { ...view, confirmed: false }
    case 'participant.joined':
      return {
        ...view,
        participants: inOrderOfJoining([
          ...view.participants.filter((p) => p.userId !== fact.userId),
          { userId: fact.userId, joinedAt: fact.at, state: 'joining' },
        ]),
      }
    case 'participant.connected':
      return withState(view, fact.userId, 'connected')
    case 'participant.reconnecting':
      return withState(view, fact.userId, 'reconnecting')
    case 'participant.left':
      return {
        ...view,
        participants: view.participants.filter((p) => p.userId !== fact.userId),
      }
    case 'call.ended':
      return null
    case 'key.rotated':
      return view
    default:
      return fact satisfies never
  }
}

function withState(view: CallView, userId: string, state: ParticipantState): CallView {
  return {
    ...view,
    participants: view.participants.map((p) => (p.userId === userId ? { ...p, state } : p)),
  }
}

/** The view of a call as its context has it: what was told, and nothing else. */
export function viewOfCall(context: CallContext): CallView {
  return {
    callId: context.callId,
    roomId: context.roomId,
    startedAt: context.startedAt,
    startedBy: context.startedBy,
    confirmed: context.unreachableSince === null,
    participants: inOrderOfJoining(
      Object.entries(context.people).map(([userId, { joinedAt, shown }]) => ({
        userId,
        joinedAt,
        state: shown,
      })),
    ),
  }
}
