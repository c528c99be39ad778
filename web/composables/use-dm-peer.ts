/** Who a direct message is with: its room is named after the person, the id stands in its members. */
import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue'
import { loadMembers, membersStore, useMembersOfRooms } from '../stores/members.store.ts'
import { useMe } from '../stores/session.store.ts'

/** By room id; undefined until it is known. */
export function useDmPeers(): ComputedRef<(roomId: string) => string | undefined> {
  const me = useMe()
  const members = useMembersOfRooms()
  return computed(() => (roomId: string) => {
    return members.value[roomId]?.find((member) => member.id !== me.value?.id)?.id
  })
}

export function useDmPeer(roomId: MaybeRefOrGetter<string>): ComputedRef<string | undefined> {
  const peers = useDmPeers()
  return computed(() => peers.value(toValue(roomId)))
}

/** One after the other: a face without its colour can wait a moment. */
export async function loadDmPeers(roomIds: readonly string[]): Promise<void> {
  for (const roomId of roomIds) {
    if (membersStore.getSnapshot().context.rooms[roomId]) continue
    await loadMembers(roomId).catch(() => undefined)
  }
}
