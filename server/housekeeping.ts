/** What grows is trimmed: old receipts, ignored reports, ended sessions; so few at a time that no commit waits. */
import type { Logger } from 'pino'
import type { Store } from '../persistence/store.ts'

const everyMs = 10 * 60_000
const receiptsKeptMs = 24 * 3600_000
const ignoredKept = 1_000
const sessionsKeptMs = 24 * 3600_000
/** Rows in one transaction, each of which costs some pages: a few milliseconds. */
const mostAtOnce = 100

export function createHousekeeping({
  store,
  now,
  log,
}: {
  store: Pick<Store, 'effects' | 'accounts'>
  now(): number
  log: Logger
}): { start(): void; stop(): Promise<void> } {
  let timer: NodeJS.Timeout | null = null
  let running: Promise<void> | null = null
  let stopped = false

  async function tidy(): Promise<void> {
    try {
      await whileThereIsMore(() =>
        store.effects.trim(now() - receiptsKeptMs, ignoredKept, mostAtOnce),
      )
      await whileThereIsMore(() => store.accounts.purgeSessions(now() - sessionsKeptMs, mostAtOnce))
    } catch (error) {
      log.warn({ err: error }, 'old records could not be trimmed')
    }
  }

  /** What was asked of the store meanwhile comes in between. */
  async function whileThereIsMore(trim: () => Promise<boolean>): Promise<void> {
    while (!stopped && (await trim()));
  }

  return {
    start() {
      timer = setInterval(() => {
        running ??= tidy().finally(() => (running = null))
      }, everyMs)
      timer.unref()
    },
    async stop() {
      stopped = true
      if (timer) clearInterval(timer)
      await running
    },
  }
}
