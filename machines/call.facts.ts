/** The facts of a call: what clients are told, past tense, whole, without secrets. */

/** Which way a change came in. */
export type FactSource = 'user' | 'livekit' | 'reconciliation' | 'deadline' | 'membership' | 'admin'

/** How a person in a call is shown. */
export type ParticipantState = 'joining' | 'connected' | 'reconnecting'

export type LeftReason = 'left' | 'expired' | 'removed' | 'call-ended'

export type EndReason =
  'last-left' | 'room-deleted' | 'livekit-unavailable' | 'calls-disabled' | 'admin'

/** Times are epoch milliseconds; `by` is the user whose wish it was, null when it was nobody's. */
interface FactBase {
  at: number
  by: string | null
  source: FactSource
  callId: string
}

export type CallFact = FactBase &
  (
    | { type: 'call.started' }
    | { type: 'call.confirmed' }
    | { type: 'call.unconfirmed' }
    | { type: 'participant.joined'; userId: string; connectionId: string }
    | { type: 'participant.connected'; userId: string; connectionId: string }
    | { type: 'participant.reconnecting'; userId: string; connectionId: string }
    | { type: 'participant.left'; userId: string; connectionId: string; reason: LeftReason }
    | { type: 'key.rotated'; keyEpoch: number }
    | { type: 'call.ended'; reason: EndReason; durationMs: number; participants: string[] }
  )
