/** The present key of a room's call, for the sockets of those who are in it (R45). */
import { liveConnections } from '../../machines/call.context.ts'
import type { Store } from '../../persistence/store.ts'
import { contextOf } from '../rooms/snapshot-envelope.ts'
import type { CurrentKey } from '../services.ts'
import type { CallKeys } from './call-keys.ts'

/** Reads what is committed; null when no call is on. */
export async function readCurrentKey(
  store: Pick<Store, 'rooms' | 'calls'>,
  keys: Pick<CallKeys, 'open'>,
  roomId: string,
): Promise<CurrentKey | null> {
  const call = (await store.rooms.load(roomId, {}))?.call
  if (!call) return null
  const { callId } = call
  const row = await store.calls.key(callId)
  if (!row) return null
  const sessionIds = liveConnections(contextOf(call)).map(({ sessionId }) => sessionId)
  return {
    callId,
    keyEpoch: row.keyEpoch,
    e2eeKey: keys.open(row),
    sessionIds: new Set(sessionIds),
  }
}
