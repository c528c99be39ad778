/**
 * Hashes of passwords: argon2id, one at a time. The hash shares libuv's threads with SQLite, so a
 * flood of sign-ins would stall the commits; who finds the queue full is told to slow down.
 */
import { hash, verify } from '@node-rs/argon2'
import { AppError } from '../errors.ts'

export interface Passwords {
  hash(password: string): Promise<string>
  /** A null hash takes the same time and is never right. */
  verify(password: string, hashed: string | null): Promise<boolean>
}

const maxQueue = 32

export async function createPasswords(): Promise<Passwords> {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  /** What unknown logins are compared with. */
  const nobodys = await hash('nobody has this password')

  function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    if (waiting >= maxQueue) {
      throw new AppError('slow-down', 'too many sign-ins at once', { retryAfterMs: 2_000 })
    }
    waiting += 1
    const next = last.then(work).finally(() => {
      waiting -= 1
    })
    last = next.catch(() => undefined)
    return next
  }

  return {
    hash: async (password) => oneAtATime(() => hash(password)),
    verify: async (password, hashed) =>
      (await oneAtATime(() => verify(hashed ?? nobodys, password))) && hashed !== null,
  }
}
