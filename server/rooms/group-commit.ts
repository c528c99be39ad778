/**
 * Many rooms, one transaction: what arrives while a commit runs is written together in the next one,
 * each acknowledged after its own commit. There is no delay timer: only where one transaction follows
 * another the next one waits for a few turns of the event loop. One is in flight.
 */
import { setImmediate } from 'node:timers/promises'
import {
  AmbiguousCommitError,
  DatabaseLockedError,
  type CommitOutcome,
  type RoomCommit,
  type RoomStore,
} from '../../persistence/store.ts'

export interface GroupCommit {
  /** Resolves after this room's own commit, or when it was found in conflict. */
  submit(commit: RoomCommit): Promise<CommitOutcome>
  /** Resolves when nothing is in flight or waiting. */
  idle(): Promise<void>
}

interface Waiting {
  commit: RoomCommit
  resolve(outcome: CommitOutcome): void
  reject(error: unknown): void
}

/** What has arrived by now is read, decided, and goes into the same transaction: as measured, four turns do best (ADR 0011). */
async function turnsOfTheLoop(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}

/** `maxRooms`: the batch size beyond which a bigger transaction gains nothing. */
export function createGroupCommit({
  store,
  maxRooms = 256,
}: {
  store: Pick<RoomStore, 'commit'>
  maxRooms?: number
}): GroupCommit {
  const waiting: Waiting[] = []
  let running: Promise<void> | null = null

  async function writeAll(): Promise<void> {
    // Nobody waits for others when there are none.
    await write(waiting.splice(0, maxRooms))
    while (waiting.length > 0) {
      await turnsOfTheLoop(4)
      await write(waiting.splice(0, maxRooms))
    }
    running = null
  }

  async function write(batch: Waiting[]): Promise<void> {
    try {
      const outcomes = await store.commit(batch.map((one) => one.commit))
      batch.forEach((one, i) => {
        const outcome = outcomes[i]
        if (outcome === undefined) one.reject(new Error('the store gave no outcome'))
        else one.resolve(outcome)
      })
    } catch (error) {
      // What may have been committed is not tried again: each mailbox looks its own receipt up.
      // And where the whole database is locked, each alone would wait as long as all together did.
      const isOfAll = error instanceof AmbiguousCommitError || error instanceof DatabaseLockedError
      if (batch.length === 1 || isOfAll) {
        batch.forEach((one) => one.reject(error))
        return
      }
      // Only the culprit fails: each room is tried alone. A room that was written after all is found
      // in conflict, and its mailbox reads what was committed.
      for (const one of batch) await write([one])
    }
  }

  return {
    submit(commit) {
      return new Promise((resolve, reject) => {
        waiting.push({ commit, resolve, reject })
        // A tick later, so that everything that is decided now goes into one transaction.
        running ??= Promise.resolve().then(writeAll)
      })
    },
    async idle() {
      await running
    },
  }
}
