/** Why a place in a call is over, as it is told and in words: finer than the machine's reasons, which decide what follows. */
import type { OverReason } from '../../machines/voice-session.reasons.ts'
import { roomNow, roomsStore } from '../stores/rooms.store.ts'
import { sessionStore } from '../stores/session.store.ts'
import { t } from '../words/words.ts'

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

const params = (roomId: string | null) => ({
  room: roomNow(roomId ?? '')?.name ?? roomsStore.getSnapshot().context.lost[roomId ?? ''] ?? '',
  server: sessionStore.getSnapshot().context.config?.name ?? '',
})

/** Title and one sentence for why a place in a call is over. */
export function overWords(reason: ShownReason, roomId: string | null) {
  return {
    title: t(`call.over.${reason}`, params(roomId)),
    detail: t(`call.over.${reason}-detail`, params(roomId)),
  }
}

/** These stay on the screen until they are dealt with: there is something to do about them. */
const lasting = new Set<ShownReason>([
  'part-missing',
  'cannot-encrypt',
  'not-secure',
  'server-unreachable',
  'livekit-unreachable',
  'media-blocked',
  'gave-up',
])
/** These show in the call's place, or on its button, as long as they hold. */
export const isLasting = (reason: ShownReason) => lasting.has(reason)
