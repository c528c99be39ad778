/**
 * What grows is trimmed: old receipts, ignored reports, ended sessions; so few at a time that no commit
 * waits. Rooms that nothing happens to leave memory.
 */
import type { Logger } from 'pino'
import type { Store } from '../persistence/store.ts'
import type { RoomMailbox } from './rooms/room-mailbox.ts'
import type { Clock } from './time/clock.ts'
import { createRepeat, type Repeat } from './time/repeat.ts'

const everyMs = 10 * 60_000
const receiptsKeptMs = 24 * 3600_000
const ignoredKept = 1_000
const sessionsKeptMs = 24 * 3600_000
/** A room, and its call's actor, stay so long in memory after something happened to them. */
const quietMs = 30_000
const quietEveryMs = 10_000
/** Rows in one transaction, each of which costs some pages: a few milliseconds. */
const maxAtOnce = 100

export function createHousekeeping({
  store,
  mailbox,
  clock,
  log,
}: {
  store: Pick<Store, 'effects' | 'accounts'>
  mailbox: Pick<RoomMailbox, 'forgetQuiet'>
  clock: Clock
  log: Logger
}): Pick<Repeat, 'start' | 'stop'> {
  const { now } = clock
  let stopped = false

  async function tidy(): Promise<void> {
    await whileThereIsMore(() => store.effects.trim(now() - receiptsKeptMs, ignoredKept, maxAtOnce))
    await whileThereIsMore(() => store.accounts.purgeSessions(now() - sessionsKeptMs, maxAtOnce))
  }

  /** What was asked of the store meanwhile comes in between. */
  async function whileThereIsMore(trim: () => Promise<boolean>): Promise<void> {
    while (!stopped && (await trim()));
  }

  const every = (ms: number, run: () => void | Promise<void>, failure: string) =>
    createRepeat({
      clock,
      nextAt: () => now() + ms,
      run,
      onError: (error) => log.warn({ err: error }, failure),
    })
  const repeats = [
    every(everyMs, tidy, 'old records could not be trimmed'),
    every(quietEveryMs, () => mailbox.forgetQuiet(quietMs), 'quiet rooms stay in memory'),
  ]
  return {
    start: () => repeats.forEach((one) => one.start()),
    async stop() {
      stopped = true
      await Promise.all(repeats.map((one) => one.stop()))
    },
  }
}
