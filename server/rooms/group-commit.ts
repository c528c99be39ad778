/**
 * Many rooms, one transaction: what arrives while a commit runs is written together in the next one,
 * each acknowledged after its own commit. There is no delay timer, only two turns of the event loop;
 * one transaction is in flight.
 */
import { setImmediate } from 'node:timers/promises'
import {
  AmbiguousCommitError,
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

/** What has arrived by now is read, decided, and goes into the same transaction. */
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
    while (waiting.length > 0) {
      await turnsOfTheLoop(2)
      const batch = waiting.splice(0, maxRooms)
      await write(batch)
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
      if (batch.length === 1 || error instanceof AmbiguousCommitError) {
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
        running ??= writeAll()
      })
    },
    async idle() {
      await running
    },
  }
}
