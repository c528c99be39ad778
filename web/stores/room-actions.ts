/** What one can do with rooms; the live socket tells the outcome, and what was refused is thrown. */
import type { Room, User } from '../../server/protocol/wire.ts'
import { api, ApiError } from '../api/client.ts'
import { learnNames } from './names.store.ts'
import { roomNow, roomsStore } from './rooms.store.ts'

/** The answer is often faster than the live socket: the room must be there when its page opens. */
function ensureListed(room: Room): Room {
  if (!roomNow(room.id)) roomsStore.trigger.changed({ room })
  return room
}

export interface RoomShape {
  name: string
  visibility: 'public' | 'private'
}

export const createRoom = async (shape: RoomShape): Promise<Room> =>
  ensureListed(await api.createRoom({ ...shape, name: shape.name.trim() }))

export async function changeRoom(roomId: string, shape: RoomShape): Promise<void> {
  await api.changeRoom(roomId, { ...shape, name: shape.name.trim() })
}

export const deleteRoom = (roomId: string) => api.deleteRoom(roomId)
export const removePerson = (roomId: string, userId: string) => api.removeMember(roomId, userId)
export const addPerson = (roomId: string, userId: string) => api.addMember(roomId, userId)

export async function joinRoom(roomId: string, me: string): Promise<void> {
  await api.addMember(roomId, me)
  ensureListed(await api.room(roomId))
}

/** What the server says of a room that there is none to see, or of an address that is none. */
const isNoRoom = (error: unknown) =>
  error instanceof ApiError && [400, 403, 404].includes(error.status)

/** A room that one is not in; undefined when there is none to see. */
export async function findRoom(roomId: string): Promise<Room | undefined> {
  try {
    return await api.room(roomId)
  } catch (error) {
    if (isNoRoom(error)) return undefined
    throw error
  }
}
export const findPublicRooms = async (): Promise<Room[]> => (await api.publicRooms()).rooms

export async function openDirectMessages(userId: string): Promise<Room> {
  return ensureListed(await api.openDm(userId))
}

export async function findPeople(query: string): Promise<User[]> {
  const { users } = await api.findUsers(query)
  learnNames(users)
  return users
}
