/** LiveKit tokens: short, for one room, with the least grants (R4). */
import { AccessToken, RoomConfiguration, TrackSource } from 'livekit-server-sdk'
import { roomTimeouts } from './room-service.ts'

/** Five minutes bound the first connect; LiveKit refreshes a session's token by itself. */
const ttlSeconds = 300

/** Nothing private goes in: LiveKit and everybody in the room can read it. */
export async function issueToken({
  apiKey,
  apiSecret,
  livekitRoomName,
  identity,
  now,
}: {
  apiKey: string
  apiSecret: string
  livekitRoomName: string
  identity: string
  now: number
}): Promise<{ token: string; expiresAt: number }> {
  const access = new AccessToken(apiKey, apiSecret, { identity, ttl: ttlSeconds })
  access.addGrant({
    roomJoin: true,
    room: livekitRoomName,
    canSubscribe: true,
    canPublish: true,
    canPublishData: true,
    canPublishSources: [
      TrackSource.CAMERA,
      TrackSource.MICROPHONE,
      TrackSource.SCREEN_SHARE,
      TrackSource.SCREEN_SHARE_AUDIO,
    ],
    canUpdateOwnMetadata: false,
  })
  access.roomConfig = new RoomConfiguration(roomTimeouts)
  const token = await access.toJwt()
  return { token, expiresAt: (Math.floor(now / 1000) + ttlSeconds) * 1000 }
}
