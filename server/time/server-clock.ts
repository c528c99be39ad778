/**
 * The server's time: it only runs forward. It starts with the machine's clock and goes on by the
 * monotonic one, so that a clock that is set back or forward changes no wait (R53) and no room's times
 * go back (I7). Where the two differ it comes nearer by one part in twenty; a clock that was set
 * forward is taken at once when nobody waits for anything. See docs/adr/0016.
 */
import { createClock, type Clock } from './clock.ts'
import { createRepeat } from './repeat.ts'

export interface ServerClock extends Clock {
  /** It was that late already when something was stored, here or by another process. */
  notBefore(at: number): void
  /** Called after the machine's clock was set, by so much. */
  onStep(listener: (step: ClockStep) => void): void
}

export interface ClockStep {
  /** Negative: back. */
  byMs: number
  /** How far the server's time is ahead of the machine's clock now. */
  aheadMs: number
}

/** Less is the way of clocks that are kept right. */
const noticeableMs = 2_000
/** So much of the time that passes is used for coming nearer: waits are at most this part longer. */
const slewing = 1 / 20
/** Whether somebody waits is not asked more often. */
const askQuietMs = 500

export function createServerClock({
  wall = Date.now,
  elapsed = () => performance.now(),
  after = createClock(wall).after,
  isQuiet,
}: {
  wall?: () => number
  /** Any clock that nobody can set. */
  elapsed?: () => number
  after?: Clock['after']
  /** Nobody's wait would be cut short if the time jumped forward. */
  isQuiet(): boolean
}): ServerClock {
  let time = wall()
  let read = time
  let ticked = elapsed()
  let askedQuietAt = -Infinity
  const listeners: ((step: ClockStep) => void)[] = []

  function emitStep(byMs: number): void {
    const step = { byMs: Math.round(byMs), aheadMs: Math.round(time - read) }
    // Later: whoever asked for the time is in the middle of something.
    after(0, () => listeners.forEach((listener) => listener(step)))
  }

  /** It is behind the machine's clock: at once when that harms nobody. */
  function catchUp(behindMs: number, passedMs: number): void {
    if (behindMs < noticeableMs) {
      time = read
      return
    }
    if (ticked - askedQuietAt >= askQuietMs) {
      askedQuietAt = ticked
      if (isQuiet()) {
        time = read
        return
      }
    }
    time += Math.min(behindMs, passedMs * slewing)
  }

  return {
    now() {
      const tick = elapsed()
      const passedMs = Math.max(0, tick - ticked)
      const before = read
      read = wall()
      ticked = tick
      time += passedMs
      const steppedMs = read - before - passedMs
      if (Math.abs(steppedMs) >= noticeableMs) emitStep(steppedMs)
      const aheadMs = time - read
      if (aheadMs > 0) time -= Math.min(aheadMs, passedMs * slewing)
      else if (aheadMs < 0) catchUp(-aheadMs, passedMs)
      return Math.floor(time)
    },
    after,
    notBefore(at) {
      time = Math.max(time, at)
    },
    onStep(listener) {
      listeners.push(listener)
    },
  }
}

/**
 * The database's clock, for processes that share one: whatever their machines' clocks say, they agree.
 * Read again every ten seconds, and in between told by the monotonic one.
 */
export async function followDatabaseClock(
  readDatabase: () => Promise<number>,
  elapsed: () => number = () => performance.now(),
): Promise<{ wall(): number; stop(): Promise<void> }> {
  const readOffset = async () => {
    const before = elapsed()
    const at = await readDatabase()
    return at - (before + elapsed()) / 2
  }
  let offsetMs = await readOffset()
  const reading = createRepeat({
    clock: createClock(elapsed),
    nextAt: () => elapsed() + readAgainMs,
    async run() {
      const next = await readOffset()
      // An answer that took long tells nothing exact.
      if (Math.abs(next - offsetMs) > answerJitterMs) offsetMs = next
    },
    // Whoever else asks the database tells that it is away; until it is back, time goes on.
    onError: () => undefined,
  })
  reading.start()
  return { wall: () => elapsed() + offsetMs, stop: reading.stop }
}

const readAgainMs = 10_000
const answerJitterMs = 250
