/**
 * The browser's lock on a call, held by the tab that is in it. A duplicated tab copies
 * sessionStorage: without the lock both would come back into the call and take it from each other.
 */
import type { CallLock } from './voice-session.types.ts'

/** How long a reloaded page waits for its former self to let go. */
const acquireWithinMs = 4000

export const callLockName = (callId: string) => `chatto.call.${callId}`

export function createCallLock(locks: LockManager, waitMs = acquireWithinMs): CallLock {
  let releaseHeld: (() => void) | null = null
  let held: string | null = null

  function release(): void {
    releaseHeld?.()
    releaseHeld = null
    held = null
  }

  function request(callId: string, options: LockOptions): Promise<boolean> {
    return new Promise((resolve) => {
      locks
        .request(callLockName(callId), options, () => {
          release()
          held = callId
          resolve(true)
          return new Promise<void>((done) => (releaseHeld = done))
        })
        // Not free in time, or taken over by another tab: our server settles who is in the call.
        .catch(() => resolve(false))
    })
  }

  return {
    acquireIfFree(callId) {
      if (held === callId) return Promise.resolve(true)
      return request(callId, { signal: AbortSignal.timeout(waitMs) })
    },
    steal(callId) {
      if (held !== callId) void request(callId, { steal: true })
    },
    release,
  }
}
