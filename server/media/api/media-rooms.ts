/** What LiveKit's RoomService can ask of the rooms. */
import {
  DisconnectReason,
  LeaveRequest_Action,
  MuteTrackRequest,
  type ParticipantInfo,
  type Room,
  type TrackInfo,
} from '@livekit/protocol'
import type { RoomOptions } from '../link/media-grants.ts'
import type { RoomRegistry } from '../room/room-registry.ts'

/** Names are LiveKit's room names. */
export interface MediaRooms {
  /** All, or those with these names. */
  list(names: string[]): Room[]
  /** Makes the room, or gives the one that is there. */
  create(options: RoomOptions & { name: string }): Room
  /** False when there is none. */
  delete(name: string): boolean
  participants(room: string): ParticipantInfo[]
  participant(room: string, identity: string): ParticipantInfo | undefined
  remove(room: string, identity: string): boolean
  /** Undefined when there is no such track. */
  mute(room: string, identity: string, trackSid: string, muted: boolean): TrackInfo | undefined
}

export function createMediaRooms(registry: RoomRegistry): MediaRooms {
  return {
    list: (names) =>
      registry.all
        .filter(({ name }) => names.length === 0 || names.includes(name))
        .map((room) => room.info()),
    create: (options) => registry.open(options).info(),
    delete(name) {
      const room = registry.find(name)
      room?.delete()
      return room !== undefined
    },
    participants(name) {
      const room = registry.find(name)
      return room ? [...room.participants.values()].map((participant) => participant.info()) : []
    },
    participant: (room, identity) => registry.findParticipant(room, identity)?.info(),
    remove(name, identity) {
      const participant = registry.findParticipant(name, identity)
      if (!participant) return false
      const { PARTICIPANT_REMOVED } = DisconnectReason
      registry.find(name)?.leave(participant, PARTICIPANT_REMOVED, LeaveRequest_Action.DISCONNECT)
      return true
    },
    mute(name, identity, trackSid, muted) {
      const room = registry.find(name)
      const participant = registry.findParticipant(name, identity)
      const track = participant?.publications.find(trackSid)
      if (!room || !participant || !track) return undefined
      // As a moderator does: the client is told to be silent, and does it itself.
      const value = new MuteTrackRequest({ sid: trackSid, muted })
      participant.outlet.send({ case: 'mute', value })
      if (participant.publications.mute(trackSid, muted)) room.changed(participant)
      return track.info
    },
  }
}
