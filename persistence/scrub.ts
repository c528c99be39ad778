/** Truncates SQLite's WAL, so that nothing that was deleted is left in it (R43). */
import type { Database } from './database.ts'

const attempts = 5

/** Rejects when somebody else read or wrote all the time: whoever asked tries again later. */
export async function scrubWal(database: Pick<Database, 'writeAlone'>): Promise<void> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const [done] = await database.writeAlone<{ busy: number }>('pragma wal_checkpoint(truncate)')
    if (done?.busy === 0) return
  }
  throw new Error('the WAL could not be truncated: the database is in use')
}
