/** The active calls of this process in memory: when each has to be looked at. Actors are not needed for it. */
import {
  isUnsettled,
  nextDeadlineAt,
  nextListingAt,
  type CallContext,
} from '../../machines/call.context.ts'
import type { CallRow } from '../../persistence/store.ts'
import type { CallMoved } from '../rooms/room-mailbox.ts'

export interface IndexedCall {
  roomId: string
  callId: string
  /** Of its last step that is known here; another process may have gone on (R33). */
  step: number
  /** A closing page's doubt that ends without asking; null when there is none. */
  deadlineAt: number | null
  /** When a listing may end somebody; null when nobody waits for one. */
  listingAt: number | null
  /** Somebody joins or is in doubt: listed every two seconds (R33). */
  isRestless: boolean
  /** The same while an eviction is open. */
  restlessUntil: number
}

export interface CallIndex {
  readonly calls: ReadonlyMap<string, IndexedCall>
  /** Called after each commit. */
  moved(moved: CallMoved): void
  /** What is committed, whoever did it: new and changed calls are looked at by the next listing, and at `dueAt`. */
  refresh(rows: readonly CallRow[]): void
  /** Whether somebody's deadline is open in any call. */
  isWaiting(): boolean
  /** Called whenever an entry changed; one listener each for deadlines and reconciliation. */
  onChange(listener: () => void): void
}

/** How long a call stays restless after it asked for an eviction; a session that is seen again renews it. */
const evictionOpenMs = 10_000

export function createCallIndex({ now }: { now(): number }): CallIndex {
  const calls = new Map<string, IndexedCall>()
  const listeners: (() => void)[] = []
  const changed = () => listeners.forEach((listener) => listener())

  /** Calls that a read did not show: it may be older than what this process committed, so it takes two. */
  let missing = new Set<string>()

  function toEntry(
    roomId: string,
    context: CallContext,
    step: number,
    restlessUntil: number,
  ): IndexedCall {
    return {
      roomId,
      callId: context.callId,
      step,
      deadlineAt: nextDeadlineAt(context),
      listingAt: nextListingAt(context),
      isRestless: isUnsettled(context),
      restlessUntil,
    }
  }

  return {
    calls,
    moved({ roomId, callId, context, step, evicts }) {
      if (context) {
        const before = calls.get(callId)
        const restlessUntil = evicts ? now() + evictionOpenMs : (before?.restlessUntil ?? 0)
        calls.set(callId, toEntry(roomId, context, step ?? before?.step ?? 0, restlessUntil))
      } else {
        calls.delete(callId)
      }
      changed()
    },
    refresh(rows) {
      const shown = new Set(rows.map((row) => row.callId))
      for (const callId of missing) if (!shown.has(callId)) calls.delete(callId)
      missing = new Set([...calls.keys()].filter((callId) => !shown.has(callId)))
      for (const { callId, roomId, step, dueAt } of rows) {
        if (step <= (calls.get(callId)?.step ?? -1)) continue
        calls.set(callId, {
          roomId,
          callId,
          step,
          deadlineAt: dueAt,
          listingAt: dueAt,
          isRestless: true,
          restlessUntil: 0,
        })
      }
      changed()
    },
    isWaiting() {
      for (const { isRestless, deadlineAt, listingAt } of calls.values()) {
        if (isRestless || deadlineAt !== null || listingAt !== null) return true
      }
      return false
    },
    onChange(listener) {
      listeners.push(listener)
    },
  }
}
