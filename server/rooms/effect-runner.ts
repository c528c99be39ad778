/**
 * Runs what commits asked to be done (evict somebody, close a LiveKit room, scrub the WAL): rows of
 * those very commits, run at least once, repeated with growing waits until they are done. None waits
 * for another one's end; only too many of one type at once wait for each other.
 */
import type { Logger } from 'pino'
import type { EffectRecord, EffectStore } from '../../persistence/store.ts'
import type { Clock, Timer } from '../time/clock.ts'

/** `againAfterMs`: it could not be done yet, which is nothing to complain of. */
export type EffectOutcome = 'done' | { againAfterMs: number }

/** Idempotent, and re-checks why it is there. Rejects to be run again later. */
export type EffectHandler = (effect: EffectRecord) => Promise<EffectOutcome | void>

export interface EffectRunner {
  start(): void
  /** Something may be due now. */
  wake(): void
  /** Lets what is running finish, for at most `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>
}

/** An effect of a process that died is run again by the next one after this time. */
const leaseMs = 8_000
/** Taken at once, and of each type under way. */
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
  /** By id: those of this process, whatever becomes of their leases. */
  const running = new Map<string, { type: string; ended: Promise<void> }>()
  let timer: Timer | null = null
  let looking: Promise<void> | null = null
  let again = false
  let stopped = true

  function arm(delayMs: number): void {
    if (stopped) return
    timer?.cancel()
    timer = clock.after(Math.max(0, delayMs), wake)
  }

  function wake(): void {
    if (stopped) return
    if (looking) {
      again = true
      return
    }
    looking = startDue()
      .catch((error: unknown) => {
        log.error({ err: error }, 'effects could not be read; trying again')
        return lookEveryMs
      })
      .then((delayMs) => {
        looking = null
        arm(again ? 0 : delayMs)
        again = false
      })
  }

  /** Gives the time until somebody has to look again. */
  async function startDue(): Promise<number> {
    for (;;) {
      const due = await store.takeDue(now(), leaseMs, atOnce, fullTypes())
      for (const effect of due) start(effect)
      if (stopped || due.length === 0) break
    }
    const nextAt = await store.nextDueAt(fullTypes())
    return nextAt === null ? lookEveryMs : Math.min(lookEveryMs, Math.max(10, nextAt - now()))
  }

  function fullTypes(): string[] {
    const counts = new Map<string, number>()
    for (const { type } of running.values()) counts.set(type, (counts.get(type) ?? 0) + 1)
    return [...counts].filter(([, count]) => count >= atOnce).map(([type]) => type)
  }

  function start(effect: EffectRecord): void {
    const { effectId, type } = effect
    // It takes longer than its lease, and has a new one now.
    if (running.has(effectId)) return
    const ended = runOne(effect)
      .catch((error: unknown) => {
        log.error({ err: error, type }, 'the end of an effect could not be stored; it runs again')
      })
      .finally(() => {
        const wasFull = fullTypes().includes(type)
        running.delete(effectId)
        if (wasFull) wake()
      })
    running.set(effectId, { type, ended })
  }

  async function runOne(effect: EffectRecord): Promise<void> {
    const { effectId, type, attempts } = effect
    const handler = handlers[type]
    let outcome: EffectOutcome | void
    try {
      if (!handler) throw new Error(`no handler for effects of type ${type}`)
      outcome = await handler(effect)
    } catch (error) {
      const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempts, 10))
      log.warn({ err: error, type, attempts, waitMs }, 'an effect failed and is tried again')
      return comeAgain(effectId, waitMs)
    }
    if (typeof outcome === 'object') return comeAgain(effectId, outcome.againAfterMs)
    return store.done([effectId])
  }

  async function comeAgain(effectId: string, afterMs: number): Promise<void> {
    await store.retry(effectId, now() + afterMs)
    // Whoever looked last saw its lease.
    wake()
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
      const timeout = new Promise<void>((resolve) => {
        clock.after(timeoutMs, resolve)
      })
      const quiet = async () => {
        await looking
        await Promise.all([...running.values()].map(({ ended }) => ended))
      }
      await Promise.race([quiet(), timeout])
    },
  }
}
