/** LiveKit tokens: short, for one room, with the least grants (R4). */
import { RoomConfiguration } from '@livekit/protocol'
import { AccessToken, TrackSource } from 'livekit-server-sdk'

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
  // A call outlives short absences of everybody: LiveKit keeps its room as long as a doubt lasts.
  access.roomConfig = new RoomConfiguration({ emptyTimeout: 60, departureTimeout: 35 })
  return { token: await access.toJwt(), expiresAt: now + ttlSeconds * 1000 }
}
