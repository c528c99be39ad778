/**
 * Whether media can pass at all. When the network is gone, LiveKit's client notices late, and then says
 * only that it repairs its signalling; what people need to know is that nobody hears them.
 */
import type { Room } from 'livekit-client'

/** Browsers take some five seconds to say that a path is `disconnected`. */
const lookEveryMs = 500

export interface MediaPath {
  /** LiveKit's client itself begins anew, or is done with it. */
  announced(isBroken: boolean): void
  stop(): void
}

/** `onChange`: called when it breaks and when it is whole again, once each. */
export function watchMediaPath(room: Room, onChange: (isBroken: boolean) => void): MediaPath {
  let isAnnounced = false
  let isBroken = false

  function turn(): void {
    const now = isAnnounced || isCut(room)
    if (now === isBroken) return
    isBroken = now
    onChange(now)
  }

  const looking = setInterval(turn, lookEveryMs)
  return {
    announced(next) {
      isAnnounced = next
      turn()
    },
    stop: () => clearInterval(looking),
  }
}

function isCut(room: Room): boolean {
  const transports = room.engine?.pcManager
  return [transports?.publisher, transports?.subscriber].some((transport) =>
    ['disconnected', 'failed'].includes(transport?.getICEConnectionState() ?? ''),
  )
}
