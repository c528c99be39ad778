/** How long LiveKit could not be asked about each call, and whether the call has been told (R37). */

export interface FailedPasses {
  /** One more failed pass. */
  add(callId: string, at: number): void
  /** A pass that worked. */
  forget(callId: string): void
  has(callId: string): boolean
  /**
   * Since when, if the call has to be told now: it is unconfirmed, or LiveKit is away too long.
   * `aliveAt`: when a webhook last showed that it lives; the second one waits from there on.
   */
  since(callId: string, at: number, aliveAt: number | null): number | null
  /** The call was told; `since` is what it knows, which may be earlier than what this process saw. */
  markReported(callId: string, at: number, since: number): void
  /** Forgets calls that are over. */
  keepOnly(isOn: (callId: string) => boolean): void
}

const minPasses = 3
const minDurationMs = 15_000

interface Failure {
  since: number
  count: number
  reportedAt: number | null
}

/** `awayMs`: how long LiveKit may be away before a call ends. */
export function createFailedPasses(awayMs: number): FailedPasses {
  const failures = new Map<string, Failure>()
  return {
    add(callId, at) {
      const before = failures.get(callId)
      if (before) before.count += 1
      else failures.set(callId, { since: at, count: 1, reportedAt: null })
    },
    forget(callId) {
      failures.delete(callId)
    },
    has: (callId) => failures.has(callId),
    since(callId, at, aliveAt) {
      const failure = failures.get(callId)
      if (!failure || failure.count < minPasses) return null
      const { since, reportedAt } = failure
      const nextReportAt =
        reportedAt === null ? since + minDurationMs : Math.max(since, aliveAt ?? since) + awayMs
      return at >= nextReportAt ? since : null
    },
    markReported(callId, at, since) {
      const failure = failures.get(callId)
      if (!failure) return
      failure.reportedAt = at
      failure.since = Math.min(failure.since, since)
    },
    keepOnly(isOn) {
      for (const callId of failures.keys()) if (!isOn(callId)) failures.delete(callId)
    },
  }
}
