/** What an account's beginning and end do to rooms. Both are idempotent: they run again after a crash. */
import type { Store } from '../../persistence/store.ts'
import { AppError } from '../errors.ts'
import { leavingOf } from '../rooms/leaving.ts'
import type { RoomDecision, RoomState, RoomSteps } from '../rooms/room-step.ts'

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
  store: Pick<Store, 'rooms' | 'accounts' | 'installation'>
  steps: RoomSteps
}): AccountRooms {
  async function isLiving(userId: string): Promise<boolean> {
    return (await store.accounts.findUser(userId))?.deletedAt === null
  }

  async function depart(userId: string): Promise<void> {
    const rooms = await store.rooms.roomIdsOf([userId])
    const failures: unknown[] = []
    for (const roomId of rooms.get(userId) ?? []) {
      try {
        await unlessGone(
          steps.run(roomId, { members: [userId], heirOf: userId }, (state) =>
            departFrom(state, userId),
          ),
        )
      } catch (error) {
        // One room's failure keeps nobody in the others; the effect comes again for it.
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  return {
    async welcome(userId) {
      const roomId = await store.installation.get(generalRoomSetting)
      if (roomId === undefined || !(await isLiving(userId))) return
      await unlessGone(
        steps.run(roomId, { members: [userId], receipts: [welcomeKey(userId)] }, (state) =>
          welcomeTo(state, userId),
        ),
      )
      // A deletion that came in between has looked for rooms too early.
      if (!(await isLiving(userId))) await depart(userId)
    },
    depart,
  }
}

const welcomeKey = (userId: string) => `welcome:${userId}`

/** Once only, so that nobody who left the room at once is brought back by a repetition. */
function welcomeTo({ room, members, receipt }: RoomState, userId: string): RoomDecision<undefined> {
  const key = welcomeKey(userId)
  if (receipt(key) || members.has(userId)) return { result: () => undefined }
  return {
    addMembers: [{ userId, by: userId }],
    ...(room.ownerId === null && { room: { ownerId: userId } }),
    receipt: { key },
    result: () => undefined,
  }
}

function departFrom(state: RoomState, userId: string): RoomDecision<undefined> {
  if (state.room.kind === 'dm') {
    return {
      // The membership stays, and with it what was said; the call does not.
      ...(state.call && {
        callEvent: (at) => ({ type: 'membership.lost', at, userId, by: userId }),
      }),
      result: () => undefined,
    }
  }
  return { ...leavingOf(state, userId, userId), result: () => undefined }
}

/** A room that was deleted meanwhile needs nothing. */
async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'not-found') throw error
  }
}
