/** Which tracks of the others a participant gets: what it wants, what waits for a section, what runs. */
import { createSubscription, type Subscription } from '../negotiation/subscription.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'

export interface Subscriptions {
  /** Wanted unless it has been said otherwise. */
  add(track: PublishedTrack, publisherSid: string): void
  remove(trackSid: string): void
  /** What the client says about tracks, also about those that come later. */
  setWanted(trackSid: string, isWanted: boolean): void
  setPaused(trackSid: string, isPaused: boolean): void
  /** The next one that has no section; it counts as placed from now on. */
  next(kind?: 'audio' | 'video'): Subscription | undefined
  waiting(kind: 'audio' | 'video'): number
  publisherOf(trackSid: string): string | undefined
  clear(): void
}

export function createSubscriptions({
  isAuto,
  now,
  random,
  changed,
}: {
  /** Everything, or only what the client asks for. */
  isAuto: boolean
  now(): number
  random(bytes: number): Buffer
  /** Sections have to be negotiated. */
  changed(): void
}): Subscriptions {
  const offered = new Map<string, { track: PublishedTrack; publisherSid: string }>()
  const running = new Map<string, Subscription>()
  const requested = new Map<string, boolean>()
  const paused = new Set<string>()
  let queue: Subscription[] = []
  const maxRequested = 1_000

  function update(trackSid: string): void {
    const source = offered.get(trackSid)
    const isWanted = source !== undefined && (requested.get(trackSid) ?? isAuto)
    const present = running.get(trackSid)
    if (present && !isWanted) {
      running.delete(trackSid)
      queue = queue.filter((waiting) => waiting !== present)
      present.end()
      changed()
    }
    if (!present && isWanted) {
      const subscription = createSubscription({ ...source, now, random })
      subscription.setPaused(paused.has(trackSid))
      running.set(trackSid, subscription)
      queue.push(subscription)
      changed()
    }
  }

  return {
    add(track, publisherSid) {
      offered.set(track.sid, { track, publisherSid })
      update(track.sid)
    },
    remove(trackSid) {
      offered.delete(trackSid)
      requested.delete(trackSid)
      paused.delete(trackSid)
      update(trackSid)
    },
    setWanted(trackSid, isWanted) {
      if (requested.size >= maxRequested && !requested.has(trackSid)) return
      requested.set(trackSid, isWanted)
      update(trackSid)
    },
    setPaused(trackSid, isPaused) {
      if (!offered.has(trackSid)) return
      if (isPaused) paused.add(trackSid)
      else paused.delete(trackSid)
      running.get(trackSid)?.setPaused(isPaused)
    },
    next(kind) {
      const index = queue.findIndex(({ track }) => kind === undefined || track.kind === kind)
      return index < 0 ? undefined : queue.splice(index, 1)[0]
    },
    waiting: (kind) => queue.filter(({ track }) => track.kind === kind).length,
    publisherOf: (trackSid) => offered.get(trackSid)?.publisherSid,
    clear() {
      for (const subscription of running.values()) subscription.end()
      running.clear()
      offered.clear()
      queue = []
    },
  }
}
