/** Rooms that are written together: whom a failure concerns, and what is never tried twice (R2). */
import { expect, test } from 'vitest'
import {
  AmbiguousCommitError,
  type CommitOutcome,
  type RoomCommit,
} from '../../../persistence/store.ts'
import { createGroupCommit } from '../../../server/rooms/group-commit.ts'

/** Of a commit only the room matters here. */
const commitOf = (roomId: string) => ({ roomId }) as RoomCommit

/** Rooms of each transaction that was tried; `fail` says how one ends that holds these rooms. */
function storeThat(fail: (roomIds: string[]) => Error | null) {
  const tried: string[][] = []
  return {
    tried,
    commit(batch: RoomCommit[]): Promise<CommitOutcome[]> {
      const roomIds = batch.map(({ roomId }) => roomId)
      tried.push(roomIds)
      const error = fail(roomIds)
      return error ? Promise.reject(error) : Promise.resolve(batch.map(() => 'committed' as const))
    },
  }
}

const endOf = (commit: Promise<CommitOutcome>) =>
  commit.catch((error: unknown) => (error as Error).constructor.name)

test('R2 what may have been committed is not tried again: each room is told and looks its receipt up', async () => {
  const store = storeThat(() => new AmbiguousCommitError(new Error('the connection is lost')))
  const groupCommit = createGroupCommit({ store })
  const ends = await Promise.all(['a', 'b'].map((id) => endOf(groupCommit.submit(commitOf(id)))))
  expect(ends).toEqual(['AmbiguousCommitError', 'AmbiguousCommitError'])
  expect(store.tried).toEqual([['a', 'b']])
})

test('only the culprit fails, the others are written alone', async () => {
  const store = storeThat((roomIds) => (roomIds.includes('b') ? new TypeError('bad row') : null))
  const groupCommit = createGroupCommit({ store })
  const ends = await Promise.all(
    ['a', 'b', 'c'].map((id) => endOf(groupCommit.submit(commitOf(id)))),
  )
  expect(ends).toEqual(['committed', 'TypeError', 'committed'])
  expect(store.tried).toEqual([['a', 'b', 'c'], ['a'], ['b'], ['c']])
})
