/** How somebody leaves a room: an owner hands it over to the oldest of the others. */
import type { RoomDecision, RoomState } from './room-step.ts'

/** Nothing for somebody who is not in the room. The step has to ask for the heir (`heirOf`). */
export function leavingOf(
  { room, members, heir }: RoomState,
  userId: string,
  by: string,
): Pick<RoomDecision<unknown>, 'removeMembers' | 'room'> {
  if (!members.has(userId)) return {}
  return {
    removeMembers: [{ userId, by }],
    ...(room.ownerId === userId && { room: { ownerId: heir } }),
  }
}
