/** How somebody leaves a room: an owner hands it over to the oldest of the others. */
import type { MemberRecord, RoomRecord } from '../../persistence/store.ts'
import type { RoomDecision } from './room-step.ts'

type Members = ReadonlyMap<string, MemberRecord>

/** Nothing for somebody who is not in the room. */
export function leavingOf(
  room: RoomRecord,
  members: Members,
  userId: string,
  by: string,
): Pick<RoomDecision<unknown>, 'removeMembers' | 'room'> {
  if (!members.has(userId)) return {}
  return {
    removeMembers: [{ userId, by }],
    ...(room.ownerId === userId && { room: { ownerId: nextOwner(members, userId) } }),
  }
}

/** Null when nobody is left. */
function nextOwner(members: Members, leaving: string): string | null {
  const others = [...members.values()].filter((member) => member.userId !== leaving)
  others.sort((a, b) => a.joinedAt - b.joinedAt || (a.userId < b.userId ? -1 : 1))
  return others[0]?.userId ?? null
}
