/** What admins see of LiveKit and of what was ignored. Implements `AdminService`. */
import { contextOf } from '../rooms/snapshot-envelope.ts'
import type { Store } from '../../persistence/store.ts'
import type { AdminService } from '../services.ts'
import type { LivekitHealth } from './livekit-health.ts'

const shownIgnored = 500

export function createAdminService({
  store,
  health,
  webhookUrl,
}: {
  store: Pick<Store, 'calls' | 'rooms'>
  health: LivekitHealth
  /** Null while calls are disabled. */
  webhookUrl: string | null
}): AdminService {
  return {
    async health() {
      if (webhookUrl === null) {
        return {
          livekit: { state: 'off', since: null },
          webhooks: { silent: false, lastAt: null, url: null },
          unconfirmedCalls: 0,
        }
      }
      const { livekit, webhooks } = health.state()
      const active = await store.calls.active()
      const rooms = await Promise.all(active.map(({ roomId }) => store.rooms.find(roomId)))
      const unconfirmed = rooms.filter(
        (room) => room?.call && !contextOf(room.call.envelope).confirmed,
      )
      return {
        livekit,
        webhooks: { ...webhooks, url: webhookUrl },
        unconfirmedCalls: unconfirmed.length,
      }
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
