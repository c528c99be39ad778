/**
 * Runs what commits asked to be done (evict somebody, close a LiveKit room, scrub the WAL): rows of
 * those very commits, run at least once, repeated with growing waits until they are done.
 */
import type { Logger } from 'pino'
import type { EffectRecord, EffectStore } from '../../persistence/store.ts'
import type { Clock, Timer } from '../clock.ts'

/** Idempotent, and re-checks why it is there. Rejects to be run again later. */
export type EffectHandler = (effect: EffectRecord) => Promise<void>

export interface EffectRunner {
  start(): void
  /** Something may be due now. */
  wake(): void
  /** Lets what is running finish, for at most `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>
}

/** An effect of a process that died is run again by the next one after this time. */
const leaseMs = 8_000
const atOnce = 32
const firstWaitMs = 1_000
const longestWaitMs = 60_000
/** Other processes' effects, and those whose process died, are looked for this often. */
const lookEveryMs = 3_000

export function createEffectRunner({
  store,
  handlers,
  clock,
  log,
}: {
  store: EffectStore
  handlers: Readonly<Record<string, EffectHandler>>
  clock: Clock
  log: Logger
}): EffectRunner {
  const { now } = clock
  let timer: Timer | null = null
  let running: Promise<void> | null = null
  let again = false
  let stopped = true

  function arm(delayMs: number): void {
    if (stopped) return
    timer?.cancel()
    timer = clock.after(Math.max(0, delayMs), wake)
  }

  function wake(): void {
    if (stopped) return
    if (running) {
      again = true
      return
    }
    running = runDue()
      .catch((error: unknown) => {
        log.error({ err: error }, 'effects could not be read; trying again')
        return lookEveryMs
      })
      .then((delayMs) => {
        running = null
        arm(again ? 0 : delayMs)
        again = false
      })
  }

  /** Gives the time until somebody has to look again. */
  async function runDue(): Promise<number> {
    for (;;) {
      const due = await store.takeDue(now(), leaseMs, atOnce)
      if (due.length === 0) break
      await Promise.all(due.map(runOne))
      if (stopped) return lookEveryMs
    }
    const nextAt = await store.nextDueAt()
    return nextAt === null ? lookEveryMs : Math.min(lookEveryMs, Math.max(10, nextAt - now()))
  }

  async function runOne(effect: EffectRecord): Promise<void> {
    const handler = handlers[effect.type]
    try {
      if (!handler) throw new Error(`no handler for effects of type ${effect.type}`)
      await handler(effect)
      await store.done([effect.effectId])
    } catch (error) {
      const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(effect.attempts, 10))
      log.warn(
        { err: error, type: effect.type, attempts: effect.attempts, waitMs },
        'an effect failed and is tried again',
      )
      await store.retry(effect.effectId, now() + waitMs)
    }
  }

  return {
    start() {
      stopped = false
      arm(0)
    },
    wake,
    async stop(timeoutMs) {
      stopped = true
      timer?.cancel()
      if (!running) return
      const timeout = new Promise<void>((resolve) => {
        clock.after(timeoutMs, resolve)
      })
      await Promise.race([running, timeout])
    },
  }
}
