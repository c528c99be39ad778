/**
 * Errors of a database without what was written: drivers put whole statements, values and rows into
 * theirs, and those hold sealed keys, password hashes and message texts, which must reach no log.
 */
import { DriverException } from '@mikro-orm/core'
import { DatabaseLockedError } from './store.ts'

/** `code`: PostgreSQL's SQLSTATE, SQLite's `SQLITE_…`, or Node's (`ECONNREFUSED`). */
export class DatabaseError extends Error {
  readonly code: string | null

  constructor(reason: string, code: string | null) {
    super(code === null || reason.includes(code) ? reason : `${reason} (${code})`)
    this.name = 'DatabaseError'
    this.code = code
  }
}

/** Errors of our own pass as they are; those of drivers lose statement, values and rows. */
export function toDatabaseError(error: unknown): Error {
  if (!(error instanceof Error)) return new DatabaseError('unknown failure', null)
  const code = codeOf(error)
  if (error instanceof DatabaseError || error instanceof DatabaseLockedError) return error
  if (code === 'SQLITE_BUSY') return new DatabaseLockedError()
  if (code === null && !(error instanceof DriverException) && !isKnexError(error)) return error
  return new DatabaseError(reasonOf(error), code)
}

/** One line for a person: what the driver says, without the statement that it puts in front. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return 'unknown failure'
  // Knex writes `statement - reason`.
  const reason = error.message.slice(error.message.lastIndexOf(' - ') + 1)
  const line = reason.replace(/^- /, '').split('\n')[0] ?? ''
  return line.replaceAll(/:\/\/[^@\s]*@/g, '://…@').slice(0, 300)
}

/**
 * Whether a failed COMMIT is known to have changed nothing. What a server answers is definite, but
 * for its own end; a lost connection tells nothing (R2).
 */
export function isDefiniteCommitFailure(error: unknown): boolean {
  const code = codeOf(error)
  if (code === null) return false
  if (code.startsWith('SQLITE_')) return true
  return /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P0|E)/.test(code)
}

/** Two processes waited for each other, or met: the same again is likely to go through. */
export function isWorthRetrying(error: unknown): boolean {
  return ['40P01', '40001'].includes(codeOf(error) ?? '')
}

function codeOf(error: unknown): string | null {
  if (error instanceof AggregateError && !('code' in error)) return codeOf(error.errors[0])
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}

const isKnexError = (error: Error): boolean => error.name === 'KnexTimeoutError'
