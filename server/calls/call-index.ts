/** The active calls of this process in memory: when each has to be looked at. Actors are not needed for it. */
import {
  isRestless,
  nextDeadlineAt,
  nextListingAt,
  type CallContext,
} from '../../machines/call.context.ts'
import type { CallMoved } from '../rooms/room-mailbox.ts'

export interface IndexedCall {
  roomId: string
  callId: string
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
  /** A call found at start: looked at by the first listing, and at `dueAt`. */
  restore(call: { callId: string; roomId: string; dueAt: number | null }): void
  /** Called whenever an entry changed; one listener each for deadlines and reconciliation. */
  onChange(listener: () => void): void
}

/** How long a call stays restless after it asked for an eviction; a session that is seen again renews it. */
const evictionOpenMs = 10_000

export function createCallIndex({ now }: { now(): number }): CallIndex {
  const calls = new Map<string, IndexedCall>()
  const listeners: (() => void)[] = []
  const changed = () => listeners.forEach((listener) => listener())

  function toEntry(roomId: string, context: CallContext, restlessUntil: number): IndexedCall {
    return {
      roomId,
      callId: context.callId,
      deadlineAt: nextDeadlineAt(context),
      listingAt: nextListingAt(context),
      isRestless: isRestless(context),
      restlessUntil,
    }
  }

  return {
    calls,
    moved({ roomId, callId, context, evicts }) {
      if (context) {
        const before = calls.get(callId)?.restlessUntil ?? 0
        calls.set(callId, toEntry(roomId, context, evicts ? now() + evictionOpenMs : before))
      } else {
        calls.delete(callId)
      }
      changed()
    },
    restore({ callId, roomId, dueAt }) {
      if (calls.has(callId)) return
      calls.set(callId, {
        roomId,
        callId,
        deadlineAt: dueAt,
        listingAt: dueAt,
        isRestless: true,
        restlessUntil: 0,
      })
      changed()
    },
    onChange(listener) {
      listeners.push(listener)
    },
  }
}
