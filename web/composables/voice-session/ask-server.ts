/** What the voice session asks our server, with answers in the machine's words. */
import type { Place } from '../../../machines/voice-session.events.ts'
import type { OverReason, Standing } from '../../../machines/voice-session.reasons.ts'
import { api, ApiError, leaveBeacon } from '../../api/client.ts'
import { roomNow } from '../../stores/rooms.store.ts'
import { refreshConfig, sessionStore } from '../../stores/session.store.ts'
import type { JoinResult, VoiceSessionParts } from './voice-session.types.ts'

export const askServer: Pick<VoiceSessionParts, 'join' | 'leave' | 'leaveBeacon' | 'standing'> = {
  async join(roomId, connectionId): Promise<JoinResult> {
    try {
      const join = await api.joinCall(roomId, { connectionId })
      if (join) return { join }
      // Then the call button has no place here any more.
      void refreshConfig()
      return { refused: 'calls-off' }
    } catch (error) {
      return { refused: toReason(error) }
    }
  },
  async leave({ roomId, callId, connectionId }: Place, failed) {
    try {
      await api.leaveCall(roomId, { callId, connectionId, ...(failed && { failed }) })
    } catch (error) {
      // Who is not signed in, or not in the room any more, is in none of its calls either (R18).
      if (error instanceof ApiError && error.status >= 400 && error.status < 429) return
      throw error
    }
  },
  leaveBeacon: ({ roomId, callId, connectionId }) => leaveBeacon(roomId, { callId, connectionId }),
  async standing(roomId, callId): Promise<Standing> {
    try {
      const call = await api.call(roomId)
      return standingIn(call, callId)
    } catch (error) {
      if (error instanceof ApiError && (error.status === 403 || error.status === 404)) {
        return 'room-gone'
      }
      // Our server cannot be asked: what it said last. Nothing known is no reason to give up.
      const call = roomNow(roomId)?.call
      return call === undefined ? 'in-call' : standingIn(call, callId)
    }
  },
}

interface CallLike {
  callId: string
  participants: readonly { userId: string }[]
}

function standingIn(call: CallLike | null, callId: string): Standing {
  if (call?.callId !== callId) return 'call-over'
  const me = sessionStore.getSnapshot().context.me?.id
  return call.participants.some(({ userId }) => userId === me) ? 'in-call' : 'not-in-call'
}

function toReason(error: unknown): OverReason {
  if (!(error instanceof ApiError)) return 'server-unreachable'
  switch (error.code) {
    case 'call-full':
    case 'call-ended':
    case 'not-a-member':
      return error.code
    case 'not-found':
      return 'room-gone'
    default:
      return 'server-unreachable'
  }
}
