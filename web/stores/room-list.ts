/** The rows of the room list: rooms and people by name, so that nothing moves under the pointer. */
import type { RoomEntry } from './rooms.store.ts'

export interface RoomSections {
  rooms: RoomEntry[]
  people: RoomEntry[]
}

const collator = new Intl.Collator(undefined, { sensitivity: 'base', numeric: true })
const byName = (a: RoomEntry, b: RoomEntry) =>
  collator.compare(a.name, b.name) || (a.id < b.id ? -1 : 1)

export function toSections(rooms: readonly RoomEntry[], find: string): RoomSections {
  const found = rooms.filter((room) => matches(room.name, find)).toSorted(byName)
  return {
    rooms: found.filter(({ kind }) => kind === 'room'),
    people: found.filter(({ kind }) => kind === 'dm'),
  }
}

/** Letters with and without accents are the same to somebody who looks for a name. */
export function matches(name: string, find: string): boolean {
  return fold(name).includes(fold(find.trim()))
}

function fold(text: string): string {
  return text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase()
}

/** User ids of everybody who is in a call of one of these rooms. */
export function peopleInCalls(rooms: readonly RoomEntry[]): Set<string> {
  return new Set(rooms.flatMap(({ call }) => call?.participants.map(({ userId }) => userId) ?? []))
}
