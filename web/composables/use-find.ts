/** Looks beyond one's own rooms while somebody types: the server knows more people and rooms. */
import { watchDebounced } from '@vueuse/core'
import { shallowRef, type Ref } from 'vue'
import type { Room, User } from '../../server/protocol/wire.ts'
import { roomNow } from '../stores/rooms.store.ts'
import { findPeople, findPublicRooms } from '../stores/room-actions.ts'
import { matches } from '../stores/room-list.ts'

export interface Found {
  /** What was looked for. */
  query: string
  rooms: readonly Room[]
  people: readonly User[]
  /** The server did not answer: that nothing is here does not mean that there is nothing. */
  isFailed: boolean
}

const nothing: Found = { query: '', rooms: [], people: [], isFailed: false }

export interface Find {
  found: Readonly<Ref<Found>>
  /** Asks once more for what stands there now. */
  again(): Promise<void>
}

export function useFind(query: Readonly<Ref<string>>): Find {
  const found = shallowRef(nothing)

  async function look(): Promise<void> {
    const text = query.value.trim()
    if (text === '') {
      found.value = nothing
      return
    }
    const [people, rooms] = await Promise.allSettled([findPeople(text), findPublicRooms()])
    // Only the answer to what stands there now.
    if (query.value.trim() !== text) return
    found.value = {
      query: text,
      people: valueOf(people),
      rooms: valueOf(rooms).filter((room) => !roomNow(room.id) && matches(room.name, text)),
      isFailed: people.status === 'rejected' || rooms.status === 'rejected',
    }
  }

  watchDebounced(query, look, { debounce: 200 })
  return { found, again: look }
}

/** One of the two that failed takes nothing from the other. */
function valueOf<T>(result: PromiseSettledResult<readonly T[]>): readonly T[] {
  return result.status === 'fulfilled' ? result.value : []
}
