/** The histories of rooms: what was loaded, what came live, and what is on its way out. */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import { computed, toRaw, toValue, type MaybeRefOrGetter, type Ref } from 'vue'
import type { Fact } from '../../server/protocol/wire.ts'
import { timelineTypes } from '../../machines/room.facts.ts'
import { api, ApiError } from '../api/client.ts'
import { growingWaitMs } from '../live/growing-wait.ts'
import { learnNames } from './names.store.ts'

/** A message that the server has not answered yet. */
export interface Outgoing {
  requestId: string
  text: string
  at: number
  failed: boolean
  /** It failed, and is sent by itself when the server can be reached: nothing that anybody must do. */
  isWaiting?: boolean
}

export interface RoomTimeline {
  state: 'loading' | 'ready' | 'failed'
  entries: readonly Fact[]
  hasMore: boolean
  isLoadingOlder: boolean
  /** The last try to load what is older: it is not made again by itself. */
  hasOlderFailed: boolean
  outgoing: readonly Outgoing[]
}

const empty: RoomTimeline = {
  state: 'loading',
  entries: [],
  hasMore: false,
  isLoadingOlder: false,
  hasOlderFailed: false,
  outgoing: [],
}

const isShown = (fact: Fact) => timelineTypes.some((type) => type === fact.type)

function merge(before: readonly Fact[], more: readonly Fact[]): readonly Fact[] {
  const bySeq = new Map([...before, ...more].map((fact) => [fact.seq, fact]))
  return [...bySeq.values()].toSorted((a, b) => a.seq - b.seq)
}

export const timelinesStore = createStore({
  context: { rooms: {} as Readonly<Record<string, RoomTimeline>> },
  on: {
    changed: (
      context,
      event: { roomId: string; change: (timeline: RoomTimeline) => RoomTimeline },
    ) => ({
      rooms: {
        ...context.rooms,
        [event.roomId]: event.change(context.rooms[event.roomId] ?? empty),
      },
    }),
    forgotten: () => ({ rooms: {} }),
  },
})

function change(roomId: string, how: (timeline: RoomTimeline) => RoomTimeline): void {
  timelinesStore.trigger.changed({ roomId, change: how })
}

const now = (roomId: string) => timelinesStore.getSnapshot().context.rooms[roomId]

/** Loads the newest page, unless it is there. `again`: after a view took the place of a backlog. */
export async function loadTimeline(roomId: string, again = false): Promise<void> {
  if (!again && now(roomId)?.state === 'ready') return
  change(roomId, (timeline) => ({
    ...timeline,
    state: timeline.entries.length > 0 ? timeline.state : 'loading',
  }))
  try {
    const page = await api.timeline(roomId)
    learnNames(page.users)
    // What was loaded earlier may have a hole before this page: it is loaded anew on scrolling.
    change(roomId, (timeline) => ({
      ...timeline,
      state: 'ready',
      hasOlderFailed: false,
      entries: again ? page.entries : merge(timeline.entries, page.entries),
      hasMore: page.hasMore,
    }))
  } catch {
    // A list that failed keeps what it had.
    change(roomId, (timeline) => ({
      ...timeline,
      state: timeline.entries.length > 0 ? 'ready' : 'failed',
    }))
  }
}

/** One page more, before what is there. False when there was none to load, or it did not come. */
export async function loadOlder(roomId: string): Promise<boolean> {
  const timeline = now(roomId)
  const first = timeline?.entries[0]
  if (!timeline?.hasMore || timeline.isLoadingOlder || !first) return false
  change(roomId, (before) => ({ ...before, isLoadingOlder: true, hasOlderFailed: false }))
  try {
    const page = await api.timeline(roomId, first.seq)
    learnNames(page.users)
    change(roomId, (before) => ({
      ...before,
      isLoadingOlder: false,
      // What was loaded anew meanwhile begins elsewhere: with this page there would be a hole.
      ...(before.entries[0]?.seq === first.seq && {
        entries: merge(page.entries, before.entries),
        hasMore: page.hasMore,
      }),
    }))
    return true
  } catch {
    change(roomId, (before) => ({ ...before, isLoadingOlder: false, hasOlderFailed: true }))
    return false
  }
}

/** Facts that came live; rooms whose history was never opened keep nothing. */
export function addFacts(roomId: string, facts: readonly Fact[]): void {
  if (!now(roomId)) return
  const shown = facts.filter(isShown)
  if (shown.length === 0) return
  const sent = new Set(
    shown.flatMap((fact) => (fact.type === 'message.posted' ? [fact.requestId] : [])),
  )
  change(roomId, (timeline) => ({
    ...timeline,
    entries: merge(timeline.entries, shown),
    outgoing: timeline.outgoing.filter(({ requestId }) => !sent.has(requestId)),
  }))
}

/** Shown at once; the same `requestId` on every try, so that it is one message whatever gets lost. */
export async function sendMessage(roomId: string, outgoing: Outgoing): Promise<void> {
  const { requestId, text } = outgoing
  change(roomId, (timeline) => ({
    ...timeline,
    outgoing: [
      ...timeline.outgoing.filter((other) => other.requestId !== requestId),
      { requestId, text, at: outgoing.at, failed: false },
    ],
  }))
  try {
    addFacts(roomId, [await api.post(roomId, { text, requestId })])
    triesInVain = 0
  } catch (error) {
    const isWaiting = mayWorkLater(error)
    if (isWaiting) sendAgainLater()
    change(roomId, (timeline) => ({
      ...timeline,
      outgoing: timeline.outgoing.map((other) =>
        other.requestId === requestId ? { ...other, failed: true, isWaiting } : other,
      ),
    }))
  }
}

/** Not worth another try to its writer. */
export function discardMessage(roomId: string, requestId: string): void {
  change(roomId, (timeline) => ({
    ...timeline,
    outgoing: timeline.outgoing.filter((other) => other.requestId !== requestId),
  }))
}

/** A message that an earlier page could not send. */
export function restoreUnsent(roomId: string, { requestId, text, at }: Outgoing): void {
  change(roomId, (timeline) => ({
    ...timeline,
    outgoing: [
      ...timeline.outgoing.filter((other) => other.requestId !== requestId),
      { requestId, text, at, failed: true, isWaiting: true },
    ],
  }))
}

/** No answer, a server that cannot just now, or too much at once: not what was written is at fault. */
const mayWorkLater = (error: unknown) =>
  error instanceof ApiError &&
  (error.code === 'offline' || error.status >= 500 || error.status === 429)

let triesInVain = 0
let later: ReturnType<typeof setTimeout> | null = null

/** The connection may be up all the while: then nothing else tells when to try. */
function sendAgainLater(): void {
  if (later !== null) return
  later = setTimeout(
    () => {
      later = null
      sendAgain()
    },
    growingWaitMs(triesInVain++, Math.random()) + shortestWaitMs,
  )
}
const shortestWaitMs = 1000

/** What did not go out is tried again when the connection is back, and now and then before. */
export function sendAgain(): void {
  for (const [roomId, timeline] of Object.entries(timelinesStore.getSnapshot().context.rooms)) {
    for (const outgoing of timeline.outgoing) {
      if (outgoing.failed && outgoing.isWaiting) void sendMessage(roomId, outgoing)
    }
  }
}

/** Raw, as the store has it: a proxy for each of thousands of facts makes its rows ten times as slow. */
export function useTimeline(roomId: MaybeRefOrGetter<string>): Readonly<Ref<RoomTimeline>> {
  const rooms = useSelector(timelinesStore, ({ context }) => context.rooms)
  return computed(() => toRaw(rooms.value)[toValue(roomId)] ?? empty)
}
