/**
 * Runs what commits asked to be done (evict somebody, close a LiveKit room, scrub the WAL): rows of
 * those very commits, run at least once, repeated with growing waits until they are done. None waits
 * for another one's end; only too many of one type at once wait for each other.
 */
import type { Logger } from 'pino'
import type { EffectRecord, EffectStore } from '../../persistence/store.ts'
import type { Clock } from '../time/clock.ts'
import { createRepeat } from '../time/repeat.ts'
import {
  parseEffect,
  type Effect,
  type EffectHandlers,
  type EffectOutcome,
  type EffectType,
} from './effects.ts'

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
const maxWaitMs = 60_000
/** Other processes' effects, and those whose process died, are looked for this often. */
const lookEveryMs = 3_000

export function createEffectRunner({
  store,
  handlers,
  clock,
  log,
}: {
  store: Pick<EffectStore, 'claimDue' | 'nextDueAt' | 'done' | 'retry'>
  /** An effect that has none waits for a process that has. */
  handlers: Partial<EffectHandlers>
  clock: Clock
  log: Logger
}): EffectRunner {
  const { now } = clock
  /** By id: those of this process, whatever becomes of their leases. */
  const running = new Map<string, { type: string; ended: Promise<void> }>()
  let lookAt = 0
  let stopped = true

  async function startDue(): Promise<void> {
    lookAt = now() + lookEveryMs
    for (;;) {
      const due = await store.claimDue(now(), leaseMs, atOnce, fullTypes())
      for (const effect of due) start(effect)
      if (stopped || due.length === 0) break
    }
    const nextAt = await store.nextDueAt(fullTypes())
    // Somebody may have woken it meanwhile.
    if (nextAt !== null) lookAt = Math.min(lookAt, Math.max(now() + 10, nextAt))
  }

  const looking = createRepeat({
    clock,
    nextAt: () => lookAt,
    run: startDue,
    onError: (error) => log.error({ err: error }, 'effects could not be read; trying again'),
  })

  function wake(): void {
    lookAt = now()
    looking.plan()
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
    let outcome: EffectOutcome | void
    try {
      outcome = await handle(parseEffect(effect))
    } catch (error) {
      const waitMs = Math.min(maxWaitMs, firstWaitMs * 2 ** Math.min(attempts, 10))
      log.warn({ err: error, type, attempts, waitMs }, 'an effect failed and is tried again')
      return comeAgain(effectId, waitMs)
    }
    if (typeof outcome === 'object') return comeAgain(effectId, outcome.againAfterMs)
    return store.done([effectId])
  }

  async function handle<T extends EffectType>(effect: Effect<T>): Promise<EffectOutcome | void> {
    const handler = handlers[effect.type]
    if (!handler) throw new Error(`no handler for effects of type ${effect.type}`)
    return handler(effect)
  }

  async function comeAgain(effectId: string, afterMs: number): Promise<void> {
    await store.retry(effectId, now() + afterMs)
    // Whoever looked last saw its lease.
    wake()
  }

  return {
    start() {
      stopped = false
      looking.start()
    },
    wake,
    async stop(timeoutMs) {
      stopped = true
      const timeout = new Promise<void>((resolve) => {
        clock.after(timeoutMs, resolve)
      })
      const quiet = async () => {
        await looking.stop()
        await Promise.all([...running.values()].map(({ ended }) => ended))
      }
      await Promise.race([quiet(), timeout])
    },
  }
}
