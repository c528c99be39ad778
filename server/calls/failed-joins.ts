/** What the operator is told when a browser was let into a call and then could not get there (R54). */
import type { Troubles } from '../troubles.ts'

export type FailedJoin = 'livekit-unreachable' | 'media-blocked'

export interface FailedJoins {
  /** A page gave its join up, and says why. */
  report(why: FailedJoin): void
  /** Somebody's media is up. */
  connected(): void
}

/** `livekitUrl`: as browsers are told; null for the media server of this program. */
export function createFailedJoins({
  troubles,
  livekitUrl,
}: {
  troubles: Pick<Troubles, 'raise' | 'clear'>
  livekitUrl: string | null
}): FailedJoins {
  const messages: Record<FailedJoin, string> = {
    'livekit-unreachable': livekitUrl
      ? `a browser was let into a call and could not reach LiveKit at ${livekitUrl}: is that the address ` +
        'that browsers reach ([livekit] url; https pages need wss), and does the proxy there pass WebSockets?'
      : 'a browser was let into a call and could not reach /livekit of this server: does the proxy pass WebSockets?',
    'media-blocked': livekitUrl
      ? `a browser reached LiveKit at ${livekitUrl}, but its media did not come up: are LiveKit’s UDP ports ` +
        'open, and are its addresses those that browsers reach (rtc.use_external_ip, node_ip)?'
      : 'a browser’s media did not come up: are the UDP ports open, and can it reach one of the addresses ' +
        'of this machine ([livekit] media_addresses, udp_ports)?',
  }
  const codeOf = (why: FailedJoin) => `join-${why}`
  return {
    report(why) {
      const part = why === 'media-blocked' ? 'network' : 'livekit'
      troubles.raise({ part, code: codeOf(why), message: messages[why] })
    },
    connected() {
      troubles.clear(codeOf('livekit-unreachable'))
      troubles.clear(codeOf('media-blocked'))
    },
  }
}
