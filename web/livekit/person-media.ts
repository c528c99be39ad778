/** Reads one LiveKit participant into plain values. */
import {
  ConnectionQuality,
  LocalTrackPublication,
  ParticipantKind,
  Track,
  type Participant,
  type TrackPublication,
} from 'livekit-client'
import { mayBePlayed, type EncryptionState } from './encryption-status.ts'
import type { PersonMedia, Quality, SharedScreen } from './voice-connection.types.ts'

/** LiveKit's identity is `{userId}:{connectionId}`, and a connection id has no colon. */
export function userIdOf(identity: string): string {
  const end = identity.lastIndexOf(':')
  return end < 0 ? identity : identity.slice(0, end)
}

/** Agents, recorders and the like are not members of a call. */
export const isPerson = (participant: Participant) => participant.kind === ParticipantKind.STANDARD

export function toPersonMedia(participant: Participant, encryption: EncryptionState): PersonMedia {
  const microphone = participant.getTrackPublication(Track.Source.Microphone)
  const camera = participant.getTrackPublication(Track.Source.Camera)
  const isFilming = camera !== undefined && !isHeldBack(camera)
  const visible = isFilming && maySee(camera, encryption)
  return {
    userId: userIdOf(participant.identity),
    isMe: participant.isLocal,
    microphone: microphone !== undefined && !isHeldBack(microphone),
    camera: visible ? camera.trackSid : null,
    cameraStarting: isFilming && !visible && mayBePlayed(encryption),
    quality: toQuality(participant.connectionQuality),
    encryption,
  }
}

export function toScreens(participant: Participant, encryption: EncryptionState): SharedScreen[] {
  const screen = participant.getTrackPublication(Track.Source.ScreenShare)
  if (!screen || screen.isMuted || !maySee(screen, encryption)) return []
  return [
    {
      trackId: screen.trackSid,
      userId: userIdOf(participant.identity),
      isMine: participant.isLocal,
    },
  ]
}

/**
 * What cannot be decrypted stays attached, behind words that say so: the worker lets no frame of it
 * through, and the SDK would stop to fetch what nobody looks at, so that it never got well again.
 */
const maySee = (publication: TrackPublication, encryption: EncryptionState) =>
  publication.track !== undefined && publication.isEncrypted && encryption !== 'plaintext'

/** Muted; of one's own, by the system too: that is how the others see it. */
const isHeldBack = (publication: TrackPublication) =>
  publication.isMuted ||
  (publication instanceof LocalTrackPublication && publication.isUpstreamPaused === true)

function toQuality(quality: ConnectionQuality): Quality {
  if (quality === ConnectionQuality.Lost) return 'lost'
  return quality === ConnectionQuality.Poor ? 'poor' : 'good'
}
