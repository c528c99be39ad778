/** Turns stored rooms, people and calls into what one viewer may see of them. */
import { viewOfCall } from '../../machines/call.view.ts'
import type { AccountStore, RoomRecord, UserRecord } from '../../persistence/store.ts'
import type { RoomViews } from '../services.ts'
import { createDisplayNames } from './display-names.ts'
import { contextOf } from './snapshot-envelope.ts'

export function createRoomViews({
  accounts,
}: {
  accounts: Pick<AccountStore, 'users'>
}): RoomViews {
  const names = createDisplayNames({ accounts })

  const toUser = (user: UserRecord) => ({
    id: user.id,
    // A deleted account's is free for others.
    login: user.deletedAt === null ? user.login : '',
    displayName: user.displayName,
    admin: user.admin && user.deletedAt === null,
    ...(user.deletedAt !== null && { deleted: true as const }),
  })

  const toCall: RoomViews['toCall'] = async ({ room, call }) => {
    if (!call || room.deletedAt !== null) return null
    const view = viewOfCall(contextOf(call.envelope.snapshot))
    const nameOf = await names.of(view.participants.map((participant) => participant.userId))
    return {
      ...view,
      seq: room.seq,
      participants: view.participants.map((participant) => ({
        userId: participant.userId,
        displayName: nameOf.get(participant.userId) ?? '',
        joinedAt: participant.joinedAt,
        state: participant.state,
      })),
    }
  }

  async function nameFor(viewerId: string, room: RoomRecord): Promise<string> {
    const otherId = otherInDm(room, viewerId)
    return otherId === undefined ? room.name : ((await names.of([otherId])).get(otherId) ?? '')
  }

  return {
    toUser,
    toCall,
    toFact: (fact) => fact,
    async toRoom(summary, viewerId, isMember) {
      const { room } = summary
      return {
        id: room.roomId,
        name: await nameFor(viewerId, room),
        kind: room.kind,
        visibility: room.visibility,
        ownerId: room.ownerId,
        memberCount: summary.memberCount,
        seq: isMember ? room.seq : 0,
        call: isMember ? await toCall(summary) : null,
      }
    },
  }
}

/** One per pair of people, whoever asks first. */
export function dmKeyOf(a: string, b: string): string {
  return [a, b].toSorted().join(':')
}

/** A direct message is named after the other person; rooms have a name of their own. */
function otherInDm({ dmKey }: RoomRecord, viewerId: string): string | undefined {
  return dmKey?.split(':').find((userId) => userId !== viewerId)
}
