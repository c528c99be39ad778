/**
 * Watches how long writes wait for somebody else's lock: tells the operator who it is while they still
 * wait, and lets nobody wait through it twice.
 */
import { DatabaseLockedError, type ReportToOperator } from './store.ts'

export interface Turn {
  /** Throws `DatabaseLockedError` for one that has waited long enough behind others that met the lock. */
  begin(): void
  /** `error`: why nothing was written. */
  end(error: unknown): void
}

export interface LockWatch {
  /** Somebody wants to write. */
  ask(): Turn
}

const tellAfterMs = 1_000
/** What a write waits behind others before it is refused, once one of them has found the database locked. */
const patienceMs = 4_000

/** `what`: the database as a person knows it; `who`: the name of a program that holds its lock, if it can be told. */
export function createLockWatch(
  what: string,
  who: () => string | undefined,
  tell: ReportToOperator,
): LockWatch {
  let isLocked = false
  let isTold = false

  function tellCause(): void {
    if (isTold) return
    isTold = true
    tell(
      `A write to ${what} has been waiting for ${tellAfterMs / 1000} s: ${who() ?? 'another program'} ` +
        'holds its lock, or its disk does not answer. Nothing can be stored meanwhile.',
      { code: 'database-locked' },
    )
  }

  return {
    ask() {
      const askedAt = performance.now()
      let timer: NodeJS.Timeout | undefined
      return {
        begin() {
          if (isLocked && performance.now() - askedAt > patienceMs) throw new DatabaseLockedError()
          timer = setTimeout(tellCause, tellAfterMs)
          timer.unref()
        },
        end(error) {
          clearTimeout(timer)
          if (error instanceof DatabaseLockedError) {
            isLocked = true
            tellCause()
            return
          }
          isLocked = false
          if (isTold) tell(`${what} takes writes again.`, { code: 'database-locked', isOver: true })
          isTold = false
        },
      }
    },
  }
}
