/** Time as the server's long-running parts take it, so that a simulation can move it. */

export interface Timer {
  cancel(): void
}

export interface Clock {
  now(): number
  /** Calls once, after that time. Never keeps the process alive. */
  after(delayMs: number, work: () => void): Timer
}

/** The process's own timers, with this clock. */
export function createClock(now: () => number): Clock {
  return {
    now,
    after(delayMs, work) {
      const timeout = setTimeout(work, delayMs)
      timeout.unref()
      return { cancel: () => clearTimeout(timeout) }
    },
  }
}
