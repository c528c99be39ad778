/**
 * How far each room was read in this browser, by the numbers of its log; it outlives the page. A
 * room that was never looked at here counts as read up to when it was first seen.
 */
import { roomNow, roomsStore } from './rooms.store.ts'
import { loadTimeline, timelinesStore } from './timelines.store.ts'

type Marks = Record<string, number>

let userId: string | null = null
let marks: Marks = {}

const keyOf = (id: string) => `chatto.read.${id}`

/** Whose marks are kept from now on; nobody's with null. */
export function keepReadMarks(id: string | null): void {
  userId = id
  marks = id === null ? {} : read(id)
}

export function forgetReadMarks(id: string): void {
  localStorage.removeItem(keyOf(id))
}

/** The number of the last thing that was seen in the room. */
export const readUpTo = (roomId: string): number | undefined => marks[roomId]

export function markRead(roomId: string, seq: number): void {
  if (userId === null || (marks[roomId] ?? -1) >= seq) return
  // Other tabs of this person read, too.
  marks = { ...marks, ...newer(read(userId), marks), [roomId]: seq }
  try {
    localStorage.setItem(keyOf(userId), JSON.stringify(marks))
  } catch {
    // Then it lasts as long as the page.
  }
}

/** Counts what came while no page was open. One room after the other: it is no hurry. */
export async function countUnread(me: string): Promise<void> {
  for (const room of Object.values(roomsStore.getSnapshot().context.rooms)) {
    const mark = marks[room.id]
    if (mark === undefined) markRead(room.id, room.seq)
    else if (room.seq > mark && room.unread === 0) await countIn(room.id, me)
  }
}

async function countIn(roomId: string, me: string): Promise<void> {
  await loadTimeline(roomId)
  const entries = timelinesStore.getSnapshot().context.rooms[roomId]?.entries ?? []
  const mark = marks[roomId]
  // It was opened, or left, meanwhile.
  if (mark === undefined || !roomNow(roomId)) return
  const unread = entries.filter(
    (fact) => fact.seq > mark && fact.type === 'message.posted' && fact.by !== me,
  ).length
  if (unread > 0) roomsStore.trigger.counted({ roomId, unread })
}

function newer(a: Marks, b: Marks): Marks {
  return Object.fromEntries(
    Object.entries(a).map(([roomId, seq]) => [roomId, Math.max(seq, b[roomId] ?? 0)]),
  )
}

function read(id: string): Marks {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(keyOf(id)) ?? '{}')
    if (typeof kept !== 'object' || kept === null) return {}
    const entries = Object.entries(kept as Record<string, unknown>)
    return Object.fromEntries(
      entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    )
  } catch {
    return {}
  }
}
