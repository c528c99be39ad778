/** Records as one viewer may see them. */
import { viewOfCall } from '../../machines/call.view.ts'
import type { AccountStore, RoomStore, UserRecord } from '../../persistence/store.ts'
import type { RoomViews } from '../services.ts'
import { contextOf } from './snapshot-envelope.ts'

/** Display names kept in memory; names do not change. */
const namesInMemory = 20_000

export function createRoomViews({
  accounts,
  rooms,
}: {
  accounts: Pick<AccountStore, 'users'>
  rooms: Pick<RoomStore, 'members'>
}): RoomViews {
  const names = new Map<string, string>()

  async function namesOf(userIds: string[]): Promise<void> {
    const unknown = userIds.filter((userId) => !names.has(userId))
    if (unknown.length === 0) return
    if (names.size > namesInMemory) names.clear()
    for (const user of await accounts.users(unknown)) names.set(user.id, user.displayName)
  }

  const toUser = (user: UserRecord) => ({
    id: user.id,
    login: user.deletedAt === null ? user.login : '',
    displayName: user.displayName,
    admin: user.admin,
    ...(user.deletedAt !== null && { deleted: true as const }),
  })

  const toCall: RoomViews['toCall'] = async ({ room, call }) => {
    if (!call || room.deletedAt !== null) return null
    const view = viewOfCall(contextOf(call.envelope.snapshot))
    await namesOf(view.participants.map((participant) => participant.userId))
    return {
      ...view,
      seq: room.seq,
      participants: view.participants.map((participant) => ({
        userId: participant.userId,
        displayName: names.get(participant.userId) ?? '',
        joinedAt: participant.joinedAt,
        state: participant.state,
      })),
    }
  }

  return {
    toUser,
    toCall,
    toFact: (fact) => fact,
    async toRoom(summary, viewerId, isMember) {
      const { room } = summary
      return {
        id: room.roomId,
        name: room.kind === 'dm' ? await nameOfOther(room.roomId, viewerId) : room.name,
        kind: room.kind,
        visibility: room.visibility,
        ownerId: room.ownerId,
        memberCount: summary.memberCount,
        seq: isMember ? room.seq : 0,
        call: isMember ? await toCall(summary) : null,
      }
    },
  }

  /** A direct message is named after the other person. */
  async function nameOfOther(roomId: string, viewerId: string): Promise<string> {
    const members = await rooms.members(roomId)
    return members.find((member) => member.id !== viewerId)?.displayName ?? ''
  }
}
