/** Who may do what in a room. */
import type { RoomRecord } from '../../persistence/store.ts'
import { AppError } from '../errors.ts'

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

export function notFound(): AppError {
  return new AppError('not-found', 'there is no such room')
}
