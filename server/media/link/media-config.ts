/** What can be set of the media server, and what it is otherwise. */

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

export interface UdpPorts {
  /** Both 0: any free one. */
  from: number
  to: number
}

export interface RoomTimes {
  /** Nobody ever came. */
  emptyTimeoutS: number
  /** The last one has left. */
  departureTimeoutS: number
  /** Signalling without media. */
  joinTimeoutMs: number
  /** Media without a sign of life. */
  silenceTimeoutMs: number
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
