/** Why a place in a call is over, as it is told: finer than the machine's reasons, which decide what follows. */
import type { OverReason } from '../../../machines/voice-session.reasons.ts'

export type ShownReason =
  | OverReason
  /** Calls were off already, or the click came too late: no call of ours ended. */
  | 'no-calls'
  /** The page is too old for calls, or a part of it did not load: LiveKit was never asked. */
  | 'part-missing'
  /** Opened by plain http, where browsers encrypt nothing: no other browser would help. */
  | 'not-secure'

export function shownReason(
  { reason, callId }: { reason: OverReason | null; callId: string | null },
  page: { isPartMissing: boolean; isSecure: boolean },
): ShownReason | null {
  if (reason === 'calls-off' && callId === null) return 'no-calls'
  if (reason === 'livekit-unreachable' && page.isPartMissing) return 'part-missing'
  if (reason === 'cannot-encrypt' && !page.isSecure) return 'not-secure'
  return reason
}
