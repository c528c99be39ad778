/** Limits on sign-ins and registrations: so many an address, and slower and slower a login. */
import { AppError } from '../errors.ts'
import { createRateLimit } from '../rate-limit.ts'

export interface Attempts {
  /** Throws `slow-down` past the address's limit. */
  registration(address: string): Promise<void>
  /** Throws `slow-down` past the address's limit. */
  signIn(address: string): Promise<void>
  /** Throws `slow-down` while this login has to wait after wrong passwords. */
  password(login: string): void
  failed(login: string): void
  succeeded(login: string): void
}

/** Wrong passwords in a row before a login has to wait. */
const freeFailures = 5
const firstWaitMs = 1_000
/** The longest wait: nobody is locked out by somebody else for long. */
const maxWaitMs = 60_000
/** Wrong passwords are forgotten this long after the last. */
const rememberMs = 15 * 60_000
const loginsInMemory = 10_000

interface Failures {
  count: number
  lastAt: number
  waitUntil: number
}

export function createAttempts({
  registrationsPerMinute,
  signInsPerMinute,
  now,
}: {
  /** 0 switches a limit off. */
  registrationsPerMinute: number
  signInsPerMinute: number
  now(): number
}): Attempts {
  const registrations = perMinute(registrationsPerMinute)
  const signIns = perMinute(signInsPerMinute)
  /** In order of the last failure. */
  const failures = new Map<string, Failures>()

  return {
    registration: registrations,
    signIn: signIns,
    password(login) {
      const waitMs = (failures.get(login)?.waitUntil ?? 0) - now()
      if (waitMs <= 0) return
      throw new AppError('slow-down', 'too many wrong passwords', { retryAfterMs: waitMs })
    },
    failed(login) {
      const at = now()
      const earlier = failures.get(login)
      failures.delete(login)
      const isForgotten = !earlier || at - earlier.lastAt > rememberMs
      const count = isForgotten ? 1 : earlier.count + 1
      const waitMs =
        count < freeFailures ? 0 : Math.min(maxWaitMs, firstWaitMs * 2 ** (count - freeFailures))
      failures.set(login, { count, lastAt: at, waitUntil: at + waitMs })
      if (failures.size > loginsInMemory) forgetOldest(failures)
    },
    succeeded(login) {
      failures.delete(login)
    },
  }
}

function forgetOldest(failures: Map<string, Failures>): void {
  for (const login of failures.keys()) {
    failures.delete(login)
    return
  }
}

const perMinute = (max: number) =>
  createRateLimit({ max, inS: 60, refusal: 'too many tries from this address' })
