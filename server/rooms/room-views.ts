/** Turns stored rooms, people and calls into what one viewer may see of them. */
import type { CallContext } from '../../machines/call.context.ts'
import { viewOfCall } from '../../machines/call.view.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import type {
  AccountStore,
  CallSummary,
  RoomRecord,
  RoomSummary,
  UserRecord,
} from '../../persistence/store.ts'
import type { Call, Fact, Room, User } from '../protocol/wire.ts'
import { createDisplayNames } from './display-names.ts'
import { contextOf, UnreadableSnapshotError } from './snapshot-envelope.ts'

/** A direct message is named after the other person. */
export interface RoomViews {
  toUser(user: UserRecord): User
  /** For a non-member `call` is null and `seq` 0. */
  toRoom(summary: RoomSummary, viewerId: string, isMember: boolean): Promise<Room>
  toCall(summary: RoomSummary): Promise<Call | null>
  /** The call as this process has it, with the room's number that it was at. */
  showCall(context: CallContext, seq: number): Promise<Call>
  toFact(fact: LogFact): Fact
}

export function createRoomViews({
  accounts,
  rebuild,
}: {
  accounts: Pick<AccountStore, 'users'>
  /** Makes an unreadable snapshot anew and gives the call's context; null when none is on any more. */
  rebuild(roomId: string, callId: string): Promise<CallContext | null>
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
    const context = await readContext(room.roomId, call)
    return context && showCall(context, room.seq)
  }

  const showCall: RoomViews['showCall'] = async (context, seq) => {
    const view = viewOfCall(context)
    const nameOf = await names.of(view.participants.map((participant) => participant.userId))
    return {
      ...view,
      seq,
      participants: view.participants.map((participant) => ({
        userId: participant.userId,
        displayName: nameOf.get(participant.userId) ?? '',
        joinedAt: participant.joinedAt,
        state: participant.state,
      })),
    }
  }

  async function readContext(roomId: string, call: CallSummary) {
    try {
      return contextOf(call)
    } catch (error) {
      if (error instanceof UnreadableSnapshotError) return rebuild(roomId, call.callId)
      throw error
    }
  }

  async function nameFor(viewerId: string, room: RoomRecord): Promise<string> {
    const otherId = otherInDm(room, viewerId)
    return otherId === undefined ? room.name : ((await names.of([otherId])).get(otherId) ?? '')
  }

  return {
    toUser,
    toCall,
    showCall,
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
