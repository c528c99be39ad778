/** Limits on sign-ins and registrations: so many an address, and slower and slower a login. */
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { AppError } from '../errors.ts'

export interface Attempts {
  /** Throws `slow-down` past the address's limit. */
  registration(address: string): Promise<void>
  /** Throws `slow-down` past the address's limit, or while this login has to wait. */
  signIn(address: string, login: string): Promise<void>
  failed(login: string): Promise<void>
  succeeded(login: string): Promise<void>
}

/** Wrong passwords in a row before a login has to wait. */
const freeFailures = 5
/** The longest wait: nobody is locked out by somebody else for long. */
const longestWaitMs = 60_000

export function createAttempts({
  registrationsPerMinute,
  signInsPerMinute,
  now,
}: {
  registrationsPerMinute: number
  signInsPerMinute: number
  now(): number
}): Attempts {
  const registrations = perMinute(registrationsPerMinute)
  const signIns = perMinute(signInsPerMinute)
  /** Failures in a row by login, forgotten after a quarter of an hour. */
  const failures = new RateLimiterMemory({ points: 1_000_000, duration: 900 })
  const waitUntil = new Map<string, number>()

  return {
    registration: (address) => consume(registrations, address),
    async signIn(address, login) {
      await consume(signIns, address)
      const waitMs = (waitUntil.get(login) ?? 0) - now()
      if (waitMs > 0) {
        throw new AppError('slow-down', 'too many wrong passwords', { retryAfterMs: waitMs })
      }
      waitUntil.delete(login)
    },
    async failed(login) {
      const { consumedPoints } = await failures.consume(login)
      if (consumedPoints < freeFailures) return
      const waitMs = Math.min(longestWaitMs, 1_000 * 2 ** (consumedPoints - freeFailures))
      if (waitUntil.size > 10_000) waitUntil.clear()
      waitUntil.set(login, now() + waitMs)
    },
    async succeeded(login) {
      waitUntil.delete(login)
      await failures.delete(login)
    },
  }
}

function perMinute(points: number): RateLimiterMemory | null {
  return points === 0 ? null : new RateLimiterMemory({ points, duration: 60 })
}

async function consume(limiter: RateLimiterMemory | null, key: string): Promise<void> {
  try {
    await limiter?.consume(key)
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused
    throw new AppError('slow-down', 'too many tries from this address', {
      retryAfterMs: refused.msBeforeNext,
    })
  }
}
