/** A database on a memory disk for many stories: opened once, emptied before each of them. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStore, openDatabase } from '../../persistence/open-store.ts'
import type { Store } from '../../persistence/store.ts'

export interface StoryDatabase {
  store: Store
  empty(): Promise<void>
  close(): Promise<void>
}

/** What a story leaves behind; those that refer to others first. */
const tables = [
  'effects',
  'ignored_reports',
  'facts',
  'members',
  'receipts',
  'steps',
  'call_connections',
  'call_people',
  'call_keys',
  'key_receipts',
  'calls',
  'rooms',
]

export async function openStoryDatabase(): Promise<StoryDatabase> {
  const disk = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const folder = mkdtempSync(join(disk, 'chatto-story-'))
  const database = await openDatabase(`sqlite:${join(folder, 'chatto.db')}`)
  // Nothing of it has to outlive the process.
  await database.writeAlone((sql) => sql('pragma synchronous = off'))
  const store = createStore(database)
  return {
    store,
    empty: () =>
      database.write(async ({ sql }) => {
        for (const table of tables) await sql(`delete from ${table}`)
      }),
    async close() {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
}
