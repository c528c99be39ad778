/** The active calls of this process in memory: when each has to be looked at. It follows their actors. */
import type { CommittedStep } from '../../machines/call.actor.ts'
import { nextDeadlineAt, nextListingAt } from '../../machines/call.context.ts'
import type { LivekitSession } from '../../machines/call.events.ts'
import { stageOf, type CallSnapshot } from '../../machines/decide.ts'
import type { CallRow } from '../../persistence/store.ts'

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
  /** What a listing shows of it as long as nothing happens; null when every listing has to be judged. */
  quietAs: string | null
}

/** What LiveKit lists of one call. */
export interface Listing {
  livekitRoomSid: string | null
  sessions: readonly Omit<LivekitSession, 'isMember'>[]
}

export interface CallIndex {
  readonly calls: ReadonlyMap<string, IndexedCall>
  /** Follows the steps of calls. */
  applyStep(step: CommittedStep): void
  /** The call as somebody read it without changing it; null when it is not on any more. */
  setCall(callId: string, call: CallSnapshot | null): void
  /** Whether a listing shows just what is known of a settled call, so that there is nothing to decide. */
  isAsKnown(callId: string, listing: Listing): boolean
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

  function setEntry(snapshot: CallSnapshot, step: number, restlessUntil: number): void {
    const { context } = snapshot
    calls.set(context.callId, {
      roomId: context.roomId,
      callId: context.callId,
      step,
      deadlineAt: nextDeadlineAt(context),
      listingAt: nextListingAt(context),
      isRestless: snapshot.matches({ active: { people: 'unsettled' } }),
      restlessUntil,
      quietAs: quietAs(snapshot),
    })
  }

  return {
    calls,
    applyStep({ callId, step, snapshot, effects }) {
      if (stageOf(snapshot) === 'active') {
        const evicts = effects.some(({ type }) => type === 'livekit.evict')
        const before = calls.get(callId)?.restlessUntil ?? 0
        setEntry(snapshot, step, evicts ? now() + evictionOpenMs : before)
      } else {
        calls.delete(callId)
      }
      changed()
    },
    setCall(callId, call) {
      const before = calls.get(callId)
      if (call?.context.callId === callId) {
        setEntry(call, before?.step ?? 0, before?.restlessUntil ?? 0)
      } else {
        calls.delete(callId)
      }
      changed()
    },
    isAsKnown(callId, { livekitRoomSid, sessions }) {
      const known = calls.get(callId)?.quietAs ?? null
      if (known === null || sessions.some(({ state }) => state !== 'ACTIVE')) return false
      return known === fingerprint(livekitRoomSid, sessions)
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
          quietAs: null,
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

function quietAs(call: CallSnapshot): string | null {
  if (!call.matches({ active: { people: 'settled', sight: 'confirmed' } })) return null
  const { connections, livekitRoomSid } = call.context
  const up = Object.entries(connections).flatMap(([identity, { state, participantSid }]) =>
    state === 'connected' ? [{ identity, participantSid: participantSid ?? '' }] : [],
  )
  return fingerprint(livekitRoomSid, up)
}

function fingerprint(
  livekitRoomSid: string | null,
  sessions: readonly { identity: string; participantSid: string }[],
): string {
  const all = sessions.map(({ identity, participantSid }) => `${identity} ${participantSid}`)
  return [livekitRoomSid ?? '', ...all.toSorted()].join('\n')
}
