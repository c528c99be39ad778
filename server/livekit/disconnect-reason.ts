/**
 * LiveKit's `DisconnectReason`, by number. Written out because `@livekit/protocol` is not ours to
 * import: the server SDK keeps a copy of its own. A test compares it with LiveKit's.
 */
import type { DisconnectName } from '../../machines/voice-session.reasons.ts'

export const disconnectReasons = [
  'UNKNOWN_REASON',
  'CLIENT_INITIATED',
  'DUPLICATE_IDENTITY',
  'SERVER_SHUTDOWN',
  'PARTICIPANT_REMOVED',
  'ROOM_DELETED',
  'STATE_MISMATCH',
  'JOIN_FAILURE',
  'MIGRATION',
  'SIGNAL_CLOSE',
  'ROOM_CLOSED',
  'USER_UNAVAILABLE',
  'USER_REJECTED',
  'SIP_TRUNK_FAILURE',
  'CONNECTION_TIMEOUT',
  'MEDIA_FAILURE',
  'AGENT_ERROR',
] as const satisfies readonly DisconnectName[]

/** From protojson: a name or a number; what is missing or not known is `UNKNOWN_REASON`. */
export function toDisconnectReason(value: unknown): DisconnectName {
  const known: readonly DisconnectName[] = disconnectReasons
  const reason = typeof value === 'number' ? known[value] : known.find((name) => name === value)
  return reason ?? 'UNKNOWN_REASON'
}
