/**
 * My rooms with their calls, moved by the facts of the live socket. A room's number says what has
 * been taken in; what is not the very next number is asked for again (R48).
 */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import { computed, toValue, type MaybeRefOrGetter, type Ref } from 'vue'
import { applyFact, type CallView } from '../../machines/call.view.ts'
import type { Call, Fact, Room } from '../../server/protocol/wire.ts'

export interface RoomEntry extends Omit<Room, 'call'> {
  call: CallView | null
  /** The number up to which facts are in `memberCount` already. */
  countedTo: number
  /** Messages that were not looked at. */
  unread: number
}

type Rooms = Readonly<Record<string, RoomEntry>>

export const roomsStore = createStore({
  context: {
    rooms: {} as Rooms,
    loaded: false,
    /** Rooms that were lost while the page was open, by name. */
    lost: {} as Readonly<Record<string, string>>,
  },
  on: {
    loaded: (context, event: { rooms: readonly Room[] }) => ({
      ...context,
      loaded: true,
      rooms: Object.fromEntries(
        event.rooms.map((room) => [room.id, toEntry(room, context.rooms[room.id])]),
      ),
    }),
    changed: (context, event: { room: Room }) => ({
      ...context,
      lost: without(context.lost, event.room.id),
      rooms: {
        ...context.rooms,
        [event.room.id]: toEntry(event.room, context.rooms[event.room.id]),
      },
    }),
    /** A known room as it was just fetched: what no fact tells. Number and call stay, facts bring them. */
    described: (context, event: { room: Room }) => {
      const room = context.rooms[event.room.id]
      if (!room) return context
      return { ...context, rooms: { ...context.rooms, [room.id]: describe(room, event.room) } }
    },
    gone: (context, event: { roomId: string }) => {
      const room = context.rooms[event.roomId]
      if (!room) return context
      return {
        ...context,
        rooms: without(context.rooms, event.roomId),
        lost: { ...context.lost, [event.roomId]: room.name },
      }
    },
    /** Consecutive facts, the first of them the very next one. */
    told: (context, event: { roomId: string; facts: readonly Fact[]; unread: number }) => {
      const room = context.rooms[event.roomId]
      const last = event.facts.at(-1)
      if (!room || !last) return context
      let { call, memberCount } = room
      for (const fact of event.facts) {
        call = applyFact(room.id, call, fact)
        if (fact.seq <= room.countedTo) continue
        if (fact.type === 'member.joined') memberCount += 1
        if (fact.type === 'member.left') memberCount -= 1
      }
      const next = { ...room, call, memberCount, seq: last.seq, unread: room.unread + event.unread }
      return { ...context, rooms: { ...context.rooms, [room.id]: next } }
    },
    viewed: (context, event: { roomId: string; seq: number; call: Call | null }) => {
      const room = context.rooms[event.roomId]
      if (!room) return context
      const next = { ...room, seq: event.seq, call: event.call && toView(event.call) }
      return { ...context, rooms: { ...context.rooms, [room.id]: next } }
    },
    read: (context, event: { roomId: string }) => {
      const room = context.rooms[event.roomId]
      if (!room || room.unread === 0) return context
      return { ...context, rooms: { ...context.rooms, [room.id]: { ...room, unread: 0 } } }
    },
    /** What came while no page was open. */
    counted: (context, event: { roomId: string; unread: number }) => {
      const room = context.rooms[event.roomId]
      if (!room) return context
      const next = { ...room, unread: event.unread }
      return { ...context, rooms: { ...context.rooms, [room.id]: next } }
    },
    forgotten: () => ({ rooms: {}, loaded: false, lost: {} }),
  },
})

function toEntry(room: Room, before: RoomEntry | undefined): RoomEntry {
  return {
    ...room,
    call: room.call && toView(room.call),
    countedTo: room.seq,
    unread: before?.unread ?? 0,
  }
}

function describe(room: RoomEntry, fetched: Room): RoomEntry {
  const { name, visibility, ownerId, memberCount, seq } = fetched
  const described = { ...room, name, visibility, ownerId }
  // Facts overtook the answer: they have counted what it does not know of.
  if (seq < room.seq) return described
  // The facts up to it are still to come, and must not be counted twice.
  return { ...described, memberCount, countedTo: seq }
}

/** Names are the names' store's business. */
function toView({ callId, roomId, startedAt, startedBy, confirmed, participants }: Call): CallView {
  return {
    callId,
    roomId,
    startedAt,
    startedBy,
    confirmed,
    participants: participants.map(({ userId, joinedAt, state }) => ({ userId, joinedAt, state })),
  }
}

function without<T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key))
}

export const roomNow = (roomId: string): RoomEntry | undefined =>
  roomsStore.getSnapshot().context.rooms[roomId]

export const useRoomsLoaded = (): Readonly<Ref<boolean>> =>
  useSelector(roomsStore, ({ context }) => context.loaded)
export const useRooms = (): Readonly<Ref<Rooms>> =>
  useSelector(roomsStore, ({ context }) => context.rooms)
export function useRoom(roomId: MaybeRefOrGetter<string>): Readonly<Ref<RoomEntry | undefined>> {
  const rooms = useRooms()
  return computed(() => rooms.value[toValue(roomId)])
}
export function useRoomCall(roomId: MaybeRefOrGetter<string>): Readonly<Ref<CallView | null>> {
  const room = useRoom(roomId)
  return computed(() => room.value?.call ?? null)
}
export const useLostRooms = (): Readonly<Ref<Readonly<Record<string, string>>>> =>
  useSelector(roomsStore, ({ context }) => context.lost)
