/** One peer connection of a client with all that runs over it: tracks up, tracks down, data. */
import {
  GenericNack,
  PictureLossIndication,
  RtcpPayloadSpecificFeedback,
  RtcpTransportLayerFeedback,
  TransportWideCC,
  type RtcpPacket,
} from 'werift'
import {
  createPeerTransport,
  type LineParts,
  type PeerTransport,
} from '../transport/peer-transport.ts'
import { createLineTraffic, type DownTrack, type LineTraffic } from './rtp-downstream.ts'
import type { PublishedTrack } from './published-track.ts'
import { createRtpUpstream, type RtpUpstream } from './rtp-upstream.ts'
import { readTransportFeedback } from './transport-feedback.ts'

export interface ClientLine {
  readonly transport: PeerTransport
  readonly upstream: RtpUpstream
  readonly traffic: LineTraffic
  addDown(down: DownTrack): void
  removeDown(down: DownTrack): void
  tick(at: number): void
  close(): void
}

export interface ClientLineEvents {
  connected(): void
  failed(): void
  data(label: string, data: Buffer): void
  /** There is room for this track on the line, or there is none any more. */
  fits(track: PublishedTrack, isSent: boolean): void
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

  const traffic = createLineTraffic({
    send: {
      sendRtp: (header, payload) => {
        transport.sendRtp(header, payload)
      },
      sendRtcp: (packet) => {
        transport.sendRtcp(packet)
      },
    },
    now: parts.now,
    changed: on.fits,
  })

  function answerFeedback(packet: RtcpPacket): void {
    if (packet instanceof RtcpTransportLayerFeedback) {
      const { feedback } = packet
      if (feedback instanceof GenericNack) {
        const down = downs.get(feedback.mediaSourceSsrc)
        if (down) traffic.resend(down, feedback.lost)
      }
      if (feedback instanceof TransportWideCC) traffic.heard(readTransportFeedback(feedback))
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
    traffic,
    addDown(down) {
      downs.set(down.forwarding.ssrc, down)
      traffic.add(down)
    },
    removeDown(down) {
      downs.delete(down.forwarding.ssrc)
      traffic.remove(down)
    },
    tick(at) {
      upstream.tick(at)
      traffic.tick(at)
    },
    close() {
      traffic.close()
      downs.clear()
      transport.close()
    },
  }
}
