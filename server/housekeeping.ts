/**
 * What grows is trimmed: old receipts, ignored reports, ended sessions; so few at a time that no commit
 * waits. Rooms that nothing happens to leave memory.
 */
import type { Logger } from 'pino'
import type { Store } from '../persistence/store.ts'
import type { RoomMailbox } from './rooms/room-mailbox.ts'

const everyMs = 10 * 60_000
const receiptsKeptMs = 24 * 3600_000
const ignoredKept = 1_000
const sessionsKeptMs = 24 * 3600_000
/** A room, and its call's actor, stay so long in memory after something happened to them. */
const quietMs = 30_000
const quietEveryMs = 10_000
/** Rows in one transaction, each of which costs some pages: a few milliseconds. */
const mostAtOnce = 100

export function createHousekeeping({
  store,
  mailbox,
  now,
  log,
}: {
  store: Pick<Store, 'effects' | 'accounts'>
  mailbox: Pick<RoomMailbox, 'forgetQuiet'>
  now(): number
  log: Logger
}): { start(): void; stop(): Promise<void> } {
  const timers: NodeJS.Timeout[] = []
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
      const every = (ms: number, work: () => void) => timers.push(setInterval(work, ms).unref())
      every(everyMs, () => {
        running ??= tidy().finally(() => (running = null))
      })
      every(quietEveryMs, () => mailbox.forgetQuiet(quietMs))
    },
    async stop() {
      stopped = true
      timers.forEach(clearInterval)
      await running
    },
  }
}
