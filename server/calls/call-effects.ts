/** What a call asks to be done after its commit: as rows, and how they are done. */
import type { CallEffect, EvictWhy } from '../../machines/call.events.ts'
import { isShutOut } from '../../machines/connection.machine.ts'
import type { CallStore, Store } from '../../persistence/store.ts'
import type { LivekitPort } from '../livekit/livekit-port.ts'
import type { EffectHandlers, EffectRow } from '../rooms/effects.ts'
import type { RoomSteps } from '../rooms/room-step.ts'

/** A hang-up disconnects by itself; only who stays after this time is thrown out. */
const leaveGraceMs = 2_000
/** R9, without a gap: so long the former device goes on being heard while the new one opens its microphone. */
const handoverGraceMs = 2_000
/** Many shreds share one scrub; with it the WAL is truncated within 5 s of a shred (R43). */
const scrubBucketMs = 2_000
/** Within 5 s after whoever held the file is gone the WAL is empty. */
const scrubAgainMs = 2_000

/** The row of an effect, or null when the commit itself does it. Ids name the thing, so that it waits once. */
export function toEffectRow(effect: CallEffect, roomId: string, at: number): EffectRow | null {
  switch (effect.type) {
    case 'key.mint':
      // A later key takes the place of an earlier one, which is shredded with that.
      return effect.keyEpoch === 0 ? null : scrubAfter(at)
    case 'key.shred':
      return scrubAfter(at)
    case 'livekit.evict': {
      const { callId, identity, why } = effect
      return {
        effectId: `evict:${callId}:${identity}`.slice(0, 255),
        roomId,
        type: effect.type,
        payload: { callId, identity, why },
        dueAt: at + graceOf(why),
      }
    }
    case 'livekit.close-room':
      return {
        effectId: `close:${effect.callId}`,
        roomId,
        type: effect.type,
        payload: { callId: effect.callId },
        dueAt: at + leaveGraceMs,
      }
    default:
      return effect satisfies never
  }
}

function graceOf(why: EvictWhy): number {
  switch (why) {
    case 'left':
      return leaveGraceMs
    case 'handover':
      return handoverGraceMs
    case 'removed':
    case 'closed':
    case 'not-a-member':
    case 'unknown-identity':
      return 0
    default:
      return why satisfies never
  }
}

function scrubAfter(at: number): EffectRow<'store.scrub'> {
  const bucket = Math.floor(at / scrubBucketMs) + 1
  return {
    effectId: `scrub:${bucket}`,
    roomId: null,
    type: 'store.scrub',
    payload: {},
    dueAt: bucket * scrubBucketMs + 500,
  }
}

export interface CallEffectDeps {
  store: Pick<Store, 'scrub'> & { calls: Pick<CallStore, 'stateOf'> }
  steps: RoomSteps
  /** Null while calls are disabled: nothing of LiveKit can be reached then. */
  livekit: Pick<LivekitPort, 'evict' | 'closeRoom'> | null
  toName(roomId: string, callId: string): string
}

export function createCallEffectHandlers({
  store,
  steps,
  livekit,
  toName,
}: CallEffectDeps): Pick<EffectHandlers, 'store.scrub' | 'livekit.evict' | 'livekit.close-room'> {
  return {
    /** Somebody who reads from the file keeps it; the store tells whom (R43). */
    async 'store.scrub'() {
      return (await store.scrub()) === 'held' ? { againAfterMs: scrubAgainMs } : 'done'
    },

    /** R18: each attempt re-checks that this very connection is still shut out. */
    async 'livekit.evict'({ roomId, payload: { callId, identity } }) {
      if (!livekit || !(await isStillShutOut(roomId, callId, identity))) return
      await livekit.evict(toName(roomId, callId), identity)
    },

    async 'livekit.close-room'({ roomId, payload: { callId } }) {
      if (!livekit || (await store.calls.stateOf(callId)) !== 'ended') return
      await livekit.closeRoom(toName(roomId, callId))
    },
  }

  async function isStillShutOut(roomId: string, callId: string, identity: string) {
    try {
      return await steps.run(roomId, {}, ({ call }) => ({
        result: () => {
          if (call?.context.callId !== callId) return false
          const connection = call.context.connections[identity]
          return connection === undefined || isShutOut(connection)
        },
      }))
    } catch (error) {
      // The room is gone, and its call with it.
      if (error instanceof Error && 'code' in error && error.code === 'not-found') return false
      throw error
    }
  }
}
