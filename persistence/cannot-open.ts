/** Why a database cannot be opened, for the person who starts the server: one line, no password. */
import { reasonOf } from './database-errors.ts'

export class CannotOpenDatabaseError extends Error {
  constructor(why: string) {
    super(why)
    this.name = 'CannotOpenDatabaseError'
  }
}

/** `what` names the database without its password. */
export function toCannotOpen(what: string, error: unknown): CannotOpenDatabaseError {
  return new CannotOpenDatabaseError(`${what} cannot be opened: ${reasonOf(error)}`)
}
