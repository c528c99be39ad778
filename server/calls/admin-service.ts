/** What admins see of LiveKit and of what was ignored. */
import type { z } from 'zod'
import type { Store } from '../../persistence/store.ts'
import type { SignedIn } from '../auth/signed-in.ts'
import { AppError } from '../errors.ts'
import type { activeCallsAnswer, CallEvidence, Health } from '../protocol/wire.ts'
import { contextOf } from '../rooms/snapshot-envelope.ts'
import type { Troubles } from '../troubles.ts'
import { readEvidence } from './evidence.ts'
import type { LivekitHealth } from './livekit-health.ts'

export interface AdminService {
  health(me: SignedIn): Promise<Health>
  /** The calls that are on, oldest first. */
  calls(): Promise<z.infer<typeof activeCallsAnswer>['calls']>
  /** Why each person of a call is shown as they are; `not-found` for an unknown call. */
  evidence(callId: string): Promise<CallEvidence>
  ignored(
    me: SignedIn,
  ): Promise<{ at: number; reason: string; event: string; callId?: string; identity?: string }[]>
}

const shownIgnored = 500

export function createAdminService({
  store,
  health,
  troubles,
  livekit,
  now,
}: {
  store: Pick<Store, 'calls' | 'rooms'>
  health: LivekitHealth
  troubles: Pick<Troubles, 'list'>
  /** Null while calls are disabled; without a url where nobody has to be told it. */
  livekit: { webhookUrl: string | null } | null
  now(): number
}): AdminService {
  return {
    async health() {
      if (!livekit) {
        return {
          livekit: {
            state: 'off',
            since: health.state().livekit.since,
            reason: null,
            skewMs: null,
          },
          webhooks: { silent: false, lastAt: null, url: null, reason: null },
          unconfirmedCalls: 0,
          troubles: troubles.list(),
        }
      }
      const state = health.state()
      const active = await store.calls.active()
      const rooms = await Promise.all(active.map(({ roomId }) => store.rooms.find(roomId)))
      const unconfirmed = rooms.filter(
        (room) => room?.call && contextOf(room.call).unreachableSince !== null,
      )
      return {
        livekit: state.livekit,
        webhooks: { ...state.webhooks, url: livekit.webhookUrl },
        unconfirmedCalls: unconfirmed.length,
        troubles: troubles.list(),
      }
    },

    async calls() {
      const active = await store.calls.active()
      return active
        .toSorted((a, b) => a.startedAt - b.startedAt)
        .map(({ callId, roomId, startedAt, step }) => ({ callId, roomId, startedAt, steps: step }))
    },

    async evidence(callId) {
      const evidence = await readEvidence(store.calls, callId, now())
      if (!evidence) throw new AppError('not-found', 'there is no such call')
      return evidence
    },

    async ignored() {
      return (await store.calls.ignored(shownIgnored)).map((record) => ({
        at: record.at,
        reason: record.reason,
        event: record.event,
        ...(record.callId !== null && { callId: record.callId }),
        ...(record.identity !== null && { identity: record.identity }),
      }))
    },
  }
}
