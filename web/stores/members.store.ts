/** Who is in which room, as far as it was asked for; moved by the rooms' facts. */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import { computed, toRaw, toValue, type MaybeRefOrGetter, type Ref } from 'vue'
import type { Fact, User } from '../../server/protocol/wire.ts'
import { api } from '../api/client.ts'
import { learnNames } from './names.store.ts'

export const membersStore = createStore({
  context: { rooms: {} as Readonly<Record<string, readonly User[]>> },
  on: {
    loaded: (context, event: { roomId: string; members: readonly User[] }) => ({
      rooms: { ...context.rooms, [event.roomId]: event.members },
    }),
    left: (context, event: { roomId: string; userId: string }) => {
      const members = context.rooms[event.roomId]
      if (!members) return context
      const rest = members.filter((member) => member.id !== event.userId)
      return { rooms: { ...context.rooms, [event.roomId]: rest } }
    },
    forgotten: () => ({ rooms: {} }),
  },
})

export async function loadMembers(roomId: string): Promise<void> {
  const { members } = await api.members(roomId)
  learnNames(members)
  membersStore.trigger.loaded({ roomId, members })
}

/** Somebody new is named by nothing but an id: then the members are asked for again. */
export function applyMemberFacts(
  roomId: string,
  facts: readonly Fact[],
  isKnown: (id: string) => boolean,
): void {
  const isOpen = membersStore.getSnapshot().context.rooms[roomId] !== undefined
  let isStale = false
  for (const fact of facts) {
    if (fact.type === 'member.left') membersStore.trigger.left({ roomId, userId: fact.userId })
    if (fact.type === 'member.joined' && isOpen) isStale = true
    if ('userId' in fact && !isKnown(fact.userId)) isStale = true
    if (fact.by !== null && !isKnown(fact.by)) isStale = true
  }
  // Names are a nicety: without them a face shows no letter until the next chance.
  if (isStale) loadMembers(roomId).catch(() => undefined)
}

/** Raw, as the store has them: a proxy for each of thousands of members would make sorting them slow. */
export function useMembersOfRooms(): Readonly<Ref<Readonly<Record<string, readonly User[]>>>> {
  const rooms = useSelector(membersStore, ({ context }) => context.rooms)
  return computed(() => toRaw(rooms.value))
}
export function useMembers(
  roomId: MaybeRefOrGetter<string>,
): Readonly<Ref<readonly User[] | undefined>> {
  const rooms = useMembersOfRooms()
  return computed(() => rooms.value[toValue(roomId)])
}
