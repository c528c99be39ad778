/** What grows is trimmed: old receipts, ignored reports, ended sessions. */
import type { Logger } from 'pino'
import type { Store } from '../persistence/store.ts'

const everyMs = 10 * 60_000
const receiptsKeptMs = 24 * 3600_000
const ignoredKept = 1_000
const sessionsKeptMs = 24 * 3600_000

export function createHousekeeping({
  store,
  now,
  log,
}: {
  store: Pick<Store, 'effects' | 'accounts'>
  now(): number
  log: Logger
}): { start(): void; stop(): void } {
  let timer: NodeJS.Timeout | null = null

  async function tidy(): Promise<void> {
    try {
      await store.effects.trim(now() - receiptsKeptMs, ignoredKept)
      await store.accounts.purgeSessions(now() - sessionsKeptMs)
    } catch (error) {
      log.warn({ err: error }, 'old records could not be trimmed')
    }
  }

  return {
    start() {
      timer = setInterval(() => void tidy(), everyMs)
      timer.unref()
    },
    stop() {
      if (timer) clearInterval(timer)
    },
  }
}
