/** One peer connection of a client with all that runs over it: tracks up, tracks down, data. */
import {
  GenericNack,
  PictureLossIndication,
  RtcpPayloadSpecificFeedback,
  RtcpTransportLayerFeedback,
  type RtcpPacket,
} from 'werift'
import { createPeerTransport, type LineParts, type PeerTransport } from './peer-transport.ts'
import type { PublishedTrack } from './published-track.ts'
import type { RtpForwarding } from './rtp-forwarding.ts'
import { createRtpUpstream, type RtpUpstream } from './rtp-upstream.ts'

export interface ClientLine {
  readonly transport: PeerTransport
  readonly upstream: RtpUpstream
  addDown(down: DownTrack): void
  removeDown(down: DownTrack): void
  tick(at: number): void
  close(): void
}

/** A track on its way to this client. */
export interface DownTrack {
  track: PublishedTrack
  forwarding: RtpForwarding
}

export interface ClientLineEvents {
  connected(): void
  failed(): void
  data(label: string, data: Buffer): void
}

export function createClientLine(parts: LineParts, on: ClientLineEvents): ClientLine {
  const downs = new Map<number, DownTrack>()
  const upstream = createRtpUpstream({
    now: parts.now,
    sendRtcp: (packet) => {
      transport.sendRtcp(packet)
    },
  })
  const transport = createPeerTransport(parts, {
    ...on,
    rtp: upstream.received,
    rtcp(packet) {
      upstream.reported(packet)
      answerFeedback(packet)
    },
  })

  function answerFeedback(packet: RtcpPacket): void {
    if (packet instanceof RtcpTransportLayerFeedback) {
      const { feedback } = packet
      if (feedback instanceof GenericNack)
        downs.get(feedback.mediaSourceSsrc)?.forwarding.resend(feedback.lost)
    }
    if (packet instanceof RtcpPayloadSpecificFeedback) {
      const { feedback } = packet
      if (feedback instanceof PictureLossIndication)
        downs.get(feedback.mediaSsrc)?.track.askKeyframe()
    }
  }

  return {
    transport,
    upstream,
    addDown(down) {
      downs.set(down.forwarding.ssrc, down)
      down.track.addForwarding(down.forwarding)
    },
    removeDown(down) {
      downs.delete(down.forwarding.ssrc)
      down.track.removeForwarding(down.forwarding)
    },
    tick: upstream.tick,
    close() {
      for (const { track, forwarding } of downs.values()) track.removeForwarding(forwarding)
      downs.clear()
      transport.close()
    },
  }
}
