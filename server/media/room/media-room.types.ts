/** What a room of the media server can be asked, and what it reports. */
import type {
  DisconnectReason,
  LeaveRequest_Action,
  ParticipantInfo,
  Room,
  TrackInfo,
} from '@livekit/protocol'
import type { MediaGrants } from '../link/media-grants.ts'
import type { SignalPeer } from '../link/signal.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'
import type { Join } from './join.ts'
import type { MediaParticipant } from './media-participant.ts'

export interface MediaRoom {
  readonly name: string
  readonly participants: ReadonlyMap<string, MediaParticipant>
  readonly isFull: boolean
  /** Of all sessions that there were. */
  readonly packetsReceived: number
  info(): Room
  enter(entrance: { grants: MediaGrants; join: Join; peer: SignalPeer }): MediaParticipant
  /** As far as this participant may see them. */
  others(participant: MediaParticipant): ParticipantInfo[]
  /** Leaves since its signalling was lost, and where everybody is now. */
  catchUp(participant: MediaParticipant): void
  changed(participant: MediaParticipant): void
  unpublish(participant: MediaParticipant, track: PublishedTrack): void
  leave(
    participant: MediaParticipant,
    reason: DisconnectReason,
    action: LeaveRequest_Action | null,
  ): void
  delete(): void
  tick(at: number): void
}

export interface RoomEvent {
  event:
    | 'room_started'
    | 'room_finished'
    | 'participant_joined'
    | 'participant_left'
    | 'participant_connection_aborted'
    | 'track_published'
    | 'track_unpublished'
  participant?: ParticipantInfo
  track?: TrackInfo
}
