/**
 * What people are told cannot be done because of something outside: LiveKit, a proxy, a clock, an
 * address, the database. Each is one line in the log when it begins, and stands in
 * `GET /api/admin/health` with its cause for as long as it lasts (R54).
 */
import type { Logger } from 'pino'
import type { Trouble } from './protocol/wire.ts'

export interface Troubles {
  /**
   * It is so now. Logged when it begins, and when another cause takes its place (once a minute at
   * most); whoever notices it again says so again. `message`: a sentence for the operator with the
   * cause and what to do about it. `details` go into the log only. No secrets in either.
   */
  raise(trouble: Pick<Trouble, 'part' | 'code' | 'message'>, details?: object): void
  /** It is over; `message` is logged if it was on. */
  clear(code: string, message?: string): void
  /** The present ones, oldest first. */
  list(): Trouble[]
}

/** What nobody notices any more is over: a misguided request has no end of its own. */
const lastsMs = 3600_000
/** Causes that take turns do not fill the log. */
const loggedAgainMs = 60_000

export function createTroubles({ now, log }: { now(): number; log: Logger }): Troubles {
  const troubles = new Map<string, Trouble>()
  const logged = new Map<string, { message: string; at: number }>()

  function forgetOld(): void {
    const at = now()
    for (const [code, { lastAt }] of troubles) if (at - lastAt > lastsMs) forget(code)
  }

  function forget(code: string): boolean {
    logged.delete(code)
    return troubles.delete(code)
  }

  return {
    raise({ part, code, message }, details = {}) {
      forgetOld()
      const at = now()
      const known = troubles.get(code)
      troubles.set(code, { part, code, message, since: known?.since ?? at, lastAt: at })
      const last = logged.get(code)
      if (last && (last.message === message || at - last.at < loggedAgainMs)) return
      logged.set(code, { message, at })
      log.warn({ ...details, trouble: code }, message)
    },
    clear(code, message) {
      forgetOld()
      if (forget(code) && message !== undefined) log.info({ trouble: code }, message)
    },
    list() {
      forgetOld()
      return [...troubles.values()].map((trouble) => ({ ...trouble }))
    },
  }
}
