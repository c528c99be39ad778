/**
 * Keeps SQLite's WAL short, and empties it when a key was shredded (R43), on a connection of its own
 * that never waits for anybody. What takes long is copied beside the writer; only the last few pages
 * are copied in the writer's turn, so that no commit waits for more than that (ADR 0018).
 */
import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from './database.ts'
import { openSideConnection } from './side-connection.ts'
import type { ScrubOutcome, ReportToOperator } from './store.ts'
import { whoHolds } from './who-holds.ts'

export interface WalUpkeep {
  /** Truncates the WAL to nothing; one for all who ask while it runs. */
  scrub(): Promise<ScrubOutcome>
  close(): Promise<void>
}

const lookEveryMs = 2_000
const maxWalBytes = 16 * 1024 * 1024
/** So few are copied and synced in a moment. */
const fewPages = 64
/** Our own reads end by themselves between these. */
const rounds = 6
const pauseMs = 25

export async function startWalUpkeep(
  path: string,
  database: Pick<Database, 'writeAlone'>,
  tell: ReportToOperator,
): Promise<WalUpkeep> {
  const side = await openSideConnection(path, 0)
  let scrubbing: Promise<ScrubOutcome> | null = null
  let looking: Promise<void> | null = null
  let failures = 0
  let isTold = false
  let isClosed = false
  /** Changes with every commit of another connection: then a WAL that was restarted has grown anew. */
  let versionLookedAt: number | undefined

  /** `restart` leaves the file as long as it is, which is cheaper to write into. */
  async function empty(how: 'truncate' | 'restart'): Promise<boolean> {
    for (let round = 1; ; round += 1) {
      if ((await copyBesideWriter()) <= fewPages) {
        const [done] = await database.writeAlone(() =>
          side.sql<{ busy: number }>(`pragma wal_checkpoint(${how})`),
        )
        if (done?.busy === 0) return true
      }
      if (round === rounds || isClosed) return false
      await pause(pauseMs)
    }
  }

  /** Gives how many pages are left: those that somebody’s snapshot holds, or that came meanwhile. */
  async function copyBesideWriter(): Promise<number> {
    const [row] = await side.sql<{ log: number; checkpointed: number }>(
      'pragma wal_checkpoint(passive)',
    )
    return row ? row.log - row.checkpointed : 0
  }

  function note(done: boolean): ScrubOutcome {
    if (done) {
      if (isTold) {
        const line = `The WAL of ${path} could be emptied again: nobody holds it any more.`
        tell(line, { code: 'database-held', isOver: true })
      }
      failures = 0
      isTold = false
      return 'done'
    }
    failures += 1
    const who = whoHolds(path, 'reading') ?? whoHolds(path, 'writing')
    // One of our own long reads is no news.
    if (!isTold && (who !== undefined || failures > 1)) {
      isTold = true
      tell(
        `${who ?? 'Another program'} holds a transaction open on ${path} (a backup tool, a database ` +
          'shell?). Calls and messages go on, but the WAL beside it grows and keeps the keys of ' +
          'calls that ended until that transaction is closed.',
        { code: 'database-held' },
      )
    }
    return 'held'
  }

  const isLong = () => (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > maxWalBytes

  async function look(): Promise<void> {
    if (scrubbing !== null || !isLong()) return
    const [row] = await side.sql<{ data_version: number }>('pragma data_version')
    if (row?.data_version === versionLookedAt) return
    if (note(await empty('restart')) === 'done') versionLookedAt = row?.data_version
  }

  const timer = setInterval(() => {
    looking ??= look()
      // Seen again by whoever scrubs.
      .catch(() => undefined)
      .finally(() => (looking = null))
  }, lookEveryMs)
  timer.unref()

  return {
    scrub() {
      scrubbing ??= empty('truncate')
        .then(note)
        .finally(() => (scrubbing = null))
      return scrubbing
    },
    async close() {
      isClosed = true
      clearInterval(timer)
      await Promise.allSettled([scrubbing, looking])
      await side.close()
    },
  }
}
