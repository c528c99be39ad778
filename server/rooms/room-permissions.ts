/** Who may do what in a room. */
import type { MemberRecord, RoomRecord } from '../../persistence/store.ts'
import { AppError } from '../errors.ts'

type Members = ReadonlyMap<string, MemberRecord>

/** Private rooms and direct messages do not exist for who is not in them. */
export function requireVisible(room: RoomRecord, isMember: boolean): void {
  if (isMember || (room.kind === 'room' && room.visibility === 'public')) return
  throw notFound()
}

export function requireMember(room: RoomRecord, isMember: boolean): void {
  requireVisible(room, isMember)
  if (!isMember) throw new AppError('not-a-member', 'only members of the room may do this')
}

export function requireOwner(room: RoomRecord, userId: string): void {
  if (room.kind === 'dm') throw new AppError('forbidden', 'direct messages cannot be changed')
  if (room.ownerId !== userId) throw new AppError('forbidden', 'only the owner may do this')
}

/** Who owns the room after `leaving`: the oldest of the others, or nobody. */
export function nextOwner(members: Members, leaving: string): string | null {
  const others = [...members.values()].filter((member) => member.userId !== leaving)
  others.sort((a, b) => a.joinedAt - b.joinedAt || (a.userId < b.userId ? -1 : 1))
  return others[0]?.userId ?? null
}

export function notFound(): AppError {
  return new AppError('not-found', 'there is no such room')
}
