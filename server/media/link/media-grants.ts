/** Who somebody is and what they may do, as their token says. */
import type { TrackSource } from '@livekit/protocol'

/** Everything that was left out has LiveKit's default. */
export interface MediaGrants {
  /** Empty for who only asks the RoomService. */
  identity: string
  name: string
  metadata: string
  attributes: Record<string, string>
  /** LiveKit's word for what kind of participant it is; `standard` when left out. */
  kind: string
  video: VideoGrants
  /** How the room is to be when this person is the first. */
  room: RoomOptions
  /** Null: a token without an end, which LiveKit takes, too. */
  expiresAt: number | null
}

export interface VideoGrants {
  room: string
  roomJoin: boolean
  roomCreate: boolean
  roomList: boolean
  roomAdmin: boolean
  canPublish: boolean
  canSubscribe: boolean
  canPublishData: boolean
  /** Empty: every source, if `canPublish`. */
  canPublishSources: TrackSource[]
  canUpdateOwnMetadata: boolean
  hidden: boolean
  recorder: boolean
  agent: boolean
}

/** How a new room is to be. Seconds; what is left out or 0 is as configured. */
export interface RoomOptions {
  emptyTimeout?: number
  departureTimeout?: number
  maxParticipants?: number
  metadata?: string
}
