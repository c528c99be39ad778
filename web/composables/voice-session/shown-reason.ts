/** Why a place in a call is over, as it is told: finer than the machine's reasons, which decide what follows. */
import type { OverReason } from '../../../machines/voice-session.reasons.ts'

export type ShownReason =
  | OverReason
  /** Calls were off already, or the click came too late: no call of ours ended. */
  | 'no-calls'
  /** The client's own part for calls did not load: LiveKit was never asked. */
  | 'part-missing'

export function shownReason(
  { reason, callId }: { reason: OverReason | null; callId: string | null },
  isPartMissing: boolean,
): ShownReason | null {
  if (reason === 'calls-off' && callId === null) return 'no-calls'
  if (reason === 'livekit-unreachable' && isPartMissing) return 'part-missing'
  return reason
}
