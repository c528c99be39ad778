/** A clock that the test moves; it begins at 0. */
import type { Clock } from '../../server/time/clock.ts'

export interface HandClock extends Clock {
  /** Whatever becomes due on the way is done at its own time, and what comes of that is waited for. */
  move(byMs: number): Promise<void>
  /** Lets everything that waits for promises only go on. */
  rest(): Promise<void>
  /** That anybody asked for so far. */
  longestDelayMs(): number
}

export function createHandClock(): HandClock {
  const waiting = new Set<{ at: number; work(): void }>()
  let now = 0
  let longestMs = 0

  const rest = () => new Promise<void>((resolve) => void setImmediate(resolve))

  return {
    now: () => now,
    after(delayMs, work) {
      longestMs = Math.max(longestMs, delayMs)
      const timer = { at: now + delayMs, work }
      waiting.add(timer)
      return { cancel: () => void waiting.delete(timer) }
    },
    async move(byMs) {
      const until = now + byMs
      for (;;) {
        const [next] = [...waiting].toSorted((a, b) => a.at - b.at)
        if (!next || next.at > until) break
        now = next.at
        waiting.delete(next)
        next.work()
        await rest()
      }
      now = until
    },
    rest,
    longestDelayMs: () => longestMs,
  }
}
