/** What an account's beginning and end do to rooms. Both are idempotent: they run again after a crash. */
import type { Store } from '../../persistence/store.ts'
import { AppError } from '../errors.ts'
import { nextOwner } from '../rooms/room-permissions.ts'
import type { RoomSteps } from '../rooms/room-step.ts'

export interface AccountRooms {
  /** Everybody who registers joins the first room; its first member owns it. */
  welcome(userId: string): Promise<void>
  /** Out of every room and call; direct messages stay readable for the other. */
  depart(userId: string): Promise<void>
}

export const generalRoomSetting = 'general-room'

export function createAccountRooms({
  store,
  steps,
}: {
  store: Pick<Store, 'rooms' | 'installation'>
  steps: RoomSteps
}): AccountRooms {
  return {
    async welcome(userId) {
      const roomId = await store.installation.get(generalRoomSetting)
      if (roomId === undefined) return
      await unlessGone(
        steps.run(roomId, ({ room, members }) => ({
          ...(!members.has(userId) && {
            addMembers: [{ userId, by: userId }],
            ...(room.ownerId === null && members.size === 0 && { room: { ownerId: userId } }),
          }),
          result: () => undefined,
        })),
      )
    },

    async depart(userId) {
      const rooms = await store.rooms.roomIdsOf([userId])
      for (const roomId of rooms.get(userId) ?? []) {
        await unlessGone(
          steps.run(roomId, ({ room, members, call }) => {
            if (room.kind === 'dm') {
              return {
                ...(call && {
                  callEvent: (at: number) => ({
                    type: 'membership.lost' as const,
                    at,
                    userId,
                    by: userId,
                  }),
                }),
                result: () => undefined,
              }
            }
            return {
              removeMembers: [{ userId, by: userId }],
              ...(room.ownerId === userId && { room: { ownerId: nextOwner(members, userId) } }),
              result: () => undefined,
            }
          }),
        )
      }
    },
  }
}

/** A room that was deleted meanwhile needs nothing. */
async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'not-found') throw error
  }
}
