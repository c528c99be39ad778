/** So many of something by one key in a time; what goes beyond is refused with `slow-down`. */
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { AppError } from './errors.ts'

/** Counts one; rejects with `slow-down` past the limit. */
export type RateLimit = (key: string) => Promise<void>

export function createRateLimit({
  max,
  inS,
  refusal,
}: {
  /** 0: no limit. */
  max: number
  inS: number
  /** For the developer who reads the answer. */
  refusal: string
}): RateLimit {
  if (max === 0) return () => Promise.resolve()
  const limiter = new RateLimiterMemory({ points: max, duration: inS })
  return async (key) => {
    try {
      await limiter.consume(key)
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused
      throw new AppError('slow-down', refusal, {
        // By the machine's clock, which may have been set back meanwhile (R53).
        retryAfterMs: Math.min(refused.msBeforeNext, inS * 1000),
      })
    }
  }
}
