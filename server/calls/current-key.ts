/** The present key of a room's call, for the sockets of those who are in it (R45). */
import { liveConnections } from '../../machines/call.context.ts'
import type { Store } from '../../persistence/store.ts'
import { contextOf } from '../rooms/snapshot-envelope.ts'
import type { CallKeys } from './call-keys.ts'

/** A call's key as its people get it (R45). Goes to sockets of these sessions and nowhere else (R5). */
export interface CurrentKey {
  callId: string
  keyEpoch: number
  /** Base64 of 32 bytes. */
  e2eeKey: string
  sessionIds: ReadonlySet<string>
}

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
