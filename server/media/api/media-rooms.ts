/** What LiveKit's RoomService can ask of the rooms. */
import { DisconnectReason, LeaveRequest_Action } from '@livekit/protocol'
import type { MediaRooms } from '../link/signal.ts'
import type { RoomRegistry } from '../room/room-registry.ts'
import { muteByServer } from '../signalling/signal-requests.ts'

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
      muteByServer(room, participant, trackSid, muted)
      return track.info
    },
  }
}
