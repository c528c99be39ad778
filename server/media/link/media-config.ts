/** What can be set of the media server, and what it is otherwise. */
import type { RoomTimes } from '../room/media-room.types.ts'
import type { UdpPorts } from '../transport/udp-sockets.ts'

export interface MediaConfig {
  /**
   * Where clients reach us; those that are not the machine's own go in by any interface. Null: the
   * machine's own, looked up again for each session.
   */
  addresses: readonly string[] | null
  udpPorts: UdpPorts
  /** Of a room; a token can only ask for fewer. */
  maxParticipants: number
  times: RoomTimes
}

export function defaultMediaConfig(): MediaConfig {
  return {
    addresses: null,
    udpPorts: { from: 0, to: 0 },
    maxParticipants: 8,
    times: {
      emptyTimeoutS: 300,
      departureTimeoutS: 20,
      joinTimeoutMs: 60_000,
      silenceTimeoutMs: 20_000,
    },
  }
}
