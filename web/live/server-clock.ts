/**
 * The server's time, for what began by it: the browser's clock may be minutes wrong. Each answer that
 * tells it gives a guess that is at most half a round trip wrong; the best one counts.
 */

export interface ClockSample {
  /** When it was asked and answered, by a clock that only runs forwards. */
  askedAt: number
  answeredAt: number
  /** The server's time between the two. */
  at: number
}

export interface ServerClock {
  addSample(sample: ClockSample): void
  /** Epoch milliseconds; the browser's own as long as the server said nothing. */
  now(): number
}

/** Clocks drift; two guesses that agree otherwise need not be alike to the millisecond. */
const driftMs = 100

export function createServerClock(own: { steady(): number; wall(): number }): ServerClock {
  let best: { offset: number; roundTripMs: number } | null = null
  return {
    addSample({ askedAt, answeredAt, at }) {
      const roundTripMs = answeredAt - askedAt
      const offset = at - (askedAt + answeredAt) / 2
      const isBetter = best === null || roundTripMs <= best.roundTripMs
      // A machine that slept stops its steady clock; a server's may be put right.
      const contradicts =
        best !== null &&
        Math.abs(offset - best.offset) > (roundTripMs + best.roundTripMs) / 2 + driftMs
      if (isBetter || contradicts) best = { offset, roundTripMs }
    },
    now: () => (best === null ? own.wall() : own.steady() + best.offset),
  }
}

export const serverClock = createServerClock({
  steady: () => performance.now(),
  wall: () => Date.now(),
})
