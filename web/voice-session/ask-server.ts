/** What the voice session asks our server, with answers in the machine's words. */
import type { Place } from '../../machines/voice-session.events.ts'
import { refusalOfCode, standingIn, type Standing } from '../../machines/voice-session.reasons.ts'
import { api, ApiError, leaveBeacon } from '../api/client.ts'
import { roomNow } from '../stores/rooms.store.ts'
import { refreshConfig, sessionStore } from '../stores/session.store.ts'
import type { MediaConnection } from '../livekit/media-connection.types.ts'
import type { JoinResult, VoiceSessionPorts } from './voice-session.types.ts'

export const askServer: Pick<
  VoiceSessionPorts<MediaConnection>,
  'join' | 'leave' | 'leaveBeacon' | 'standing'
> = {
  async join(roomId, connectionId): Promise<JoinResult> {
    try {
      const join = await api.joinCall(roomId, { connectionId })
      if (join) return { join }
      // Then the call button has no place here any more.
      void refreshConfig()
      return { refused: 'calls-off' }
    } catch (error) {
      return { refused: refusalOfCode(error instanceof ApiError ? error.code : 'unavailable') }
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
    const me = sessionStore.getSnapshot().context.me?.id
    try {
      return standingIn(await api.call(roomId), callId, me)
    } catch (error) {
      if (error instanceof ApiError && (error.status === 403 || error.status === 404)) {
        return 'room-gone'
      }
      // Our server cannot be asked: what it said last. Nothing known is no reason to give up.
      const call = roomNow(roomId)?.call
      return call === undefined ? 'in-call' : standingIn(call, callId, me)
    }
  },
}
