/** Rooms, calls and people as the stores hold them. */
import type { CallView } from '../../../machines/call.view.ts'
import type { User } from '../../../server/protocol/wire.ts'
import type { RoomEntry } from '../../../web/stores/rooms.store.ts'

export function room(name: string, more: Partial<RoomEntry> = {}): RoomEntry {
  return {
    id: `room-${name}`,
    name,
    kind: 'room',
    visibility: 'public',
    ownerId: null,
    memberCount: 2,
    seq: 1,
    call: null,
    countedTo: 1,
    unread: 0,
    ...more,
  }
}

export function callWith(userIds: string[]): CallView {
  return {
    callId: 'call1',
    roomId: 'room',
    startedAt: 0,
    startedBy: userIds[0] ?? '',
    confirmed: true,
    participants: userIds.map((userId, at) => ({ userId, joinedAt: at, state: 'connected' })),
  }
}

export function user(id: string): User {
  return { id, login: id, displayName: id, admin: false }
}
