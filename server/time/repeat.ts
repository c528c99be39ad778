/**
 * Work that comes again and again: one run at a time, and after each the next one is planned for when it
 * is wanted by then. A run that fails is told, and stops nothing.
 */
import type { Clock, Timer } from './clock.ts'

export interface Repeat {
  start(): void
  /** `nextAt` may have changed. A run that is under way is not joined by a second one. */
  plan(): void
  /** Resolves when the run that is under way has ended; no other one begins. */
  stop(): Promise<void>
}

/** Node's timers hold no more than 2^31 ms. */
const maxDelayMs = 3600_000

export function createRepeat({
  clock,
  nextAt,
  run,
  onError,
}: {
  clock: Clock
  /** Asked at the start and after each run; `Infinity`: not before `plan` is called. */
  nextAt(): number
  run(): void | Promise<void>
  onError(error: unknown): void
}): Repeat {
  let timer: Timer | null = null
  let running: Promise<void> | null = null
  let stopped = true

  function plan(): void {
    timer?.cancel()
    if (stopped || running) return
    const at = nextAt()
    if (at === Infinity) return
    const delayMs = Math.max(0, at - clock.now())
    timer =
      delayMs > maxDelayMs
        ? clock.after(maxDelayMs, plan)
        : clock.after(delayMs, () => void begin())
  }

  function begin(): void {
    running = runOnce().finally(() => {
      running = null
      plan()
    })
  }

  async function runOnce(): Promise<void> {
    try {
      await run()
    } catch (error) {
      onError(error)
    }
  }

  return {
    start() {
      stopped = false
      plan()
    },
    plan,
    async stop() {
      stopped = true
      timer?.cancel()
      await running
    },
  }
}
