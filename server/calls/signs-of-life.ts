/**
 * When LiveKit last showed that it lives, though it cannot be asked (R37): by a webhook that came to
 * this process, or, as the receipts tell, to another one or before a start.
 */
import type { CallStore } from '../../persistence/store.ts'
import type { LivekitHealth } from './livekit-health.ts'

export interface SignsOfLife {
  /** As far as it is known here. */
  seenAt(): number | null
  /** Looks what others took; read once a minute at most. */
  lastAt(): Promise<number | null>
}

const readAgainMs = 60_000

export function createSignsOfLife({
  health,
  calls,
  now,
}: {
  health: Pick<LivekitHealth, 'lastSignOfLifeAt'>
  calls: Pick<CallStore, 'lastReportAt'>
  now(): number
}): SignsOfLife {
  let storedAt: number | null = null
  let readAt = -Infinity

  function seenAt(): number | null {
    const own = health.lastSignOfLifeAt()
    if (own === null || storedAt === null) return own ?? storedAt
    return Math.max(own, storedAt)
  }

  return {
    seenAt,
    async lastAt() {
      if (now() - readAt >= readAgainMs) {
        storedAt = await calls.lastReportAt()
        readAt = now()
      }
      return seenAt()
    },
  }
}
