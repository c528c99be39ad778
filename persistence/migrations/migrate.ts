/** Brings a database's schema up to date, and refuses one that a newer program made. */
import type { MigrationObject } from '@mikro-orm/core'
import type { Migrator } from '@mikro-orm/migrations'
import { CannotOpenDatabaseError } from '../cannot-open.ts'

/** Two processes that start together on a fresh database meet here; the second one finds it done. */
const attempts = 8
const pauseMs = 100

export async function migrate(
  migrator: Pick<Migrator, 'getExecutedMigrations' | 'up'>,
  list: readonly MigrationObject[],
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await migrateOnce(migrator, list)
      return
    } catch (error) {
      if (error instanceof CannotOpenDatabaseError || attempt === attempts) throw error
      await new Promise((resolve) => setTimeout(resolve, pauseMs * attempt))
    }
  }
}

async function migrateOnce(
  migrator: Pick<Migrator, 'getExecutedMigrations' | 'up'>,
  list: readonly MigrationObject[],
): Promise<void> {
  const known = new Set(list.map((migration) => migration.name))
  const executed = await migrator.getExecutedMigrations()
  const unknown = executed.find((migration) => !known.has(migration.name))
  if (unknown) {
    throw new CannotOpenDatabaseError(
      `it was made by a newer version of this program, which knows “${unknown.name}”`,
    )
  }
  if (executed.length < known.size) await migrator.up()
}
