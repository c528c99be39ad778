/** Looks beyond one's own rooms while somebody types: the server knows more people and rooms. */
import { watchDebounced } from '@vueuse/core'
import { shallowRef, type Ref } from 'vue'
import type { Room, User } from '../../server/protocol/wire.ts'
import { roomNow } from '../stores/rooms.store.ts'
import { findPeople, findPublicRooms } from './room-actions.ts'
import { matches } from './room-list.ts'

export interface Found {
  /** What was looked for. */
  query: string
  rooms: readonly Room[]
  people: readonly User[]
}

const nothing: Found = { query: '', rooms: [], people: [] }

export function useFind(query: Readonly<Ref<string>>): Readonly<Ref<Found>> {
  const found = shallowRef(nothing)
  watchDebounced(
    query,
    async (typed) => {
      const text = typed.trim()
      if (text === '') {
        found.value = nothing
        return
      }
      const [people, rooms] = await Promise.all([
        findPeople(text).catch(() => []),
        findPublicRooms().catch(() => []),
      ])
      // Only the answer to what stands there now.
      if (query.value.trim() !== text) return
      found.value = {
        query: text,
        people,
        rooms: rooms.filter((room) => !roomNow(room.id) && matches(room.name, text)),
      }
    },
    { debounce: 200 },
  )
  return found
}
