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
  type TransportParts,
  type PeerTransport,
} from '../transport/peer-transport.ts'
import type { PublishedTrack } from './published-track.ts'
import { createRtpDownstream, type DownTrack, type RtpDownstream } from './rtp-downstream.ts'
import { createRtpUpstream, type RtpUpstream } from './rtp-upstream.ts'
import { readTransportFeedback } from './transport-feedback.ts'

export interface PeerConnection {
  readonly transport: PeerTransport
  readonly upstream: RtpUpstream
  readonly downstream: RtpDownstream
  addDown(down: DownTrack): void
  removeDown(down: DownTrack): void
  tick(at: number): void
  close(): void
}

export interface PeerConnectionEvents {
  connected(): void
  failed(): void
  data(label: string, data: Buffer): void
  /** The client’s line takes this track, or does not any more. */
  streamChanged(track: PublishedTrack, isSent: boolean): void
}

export function createPeerConnection(
  parts: TransportParts,
  on: PeerConnectionEvents,
): PeerConnection {
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

  const downstream = createRtpDownstream({
    send: {
      sendRtp: (header, payload) => {
        transport.sendRtp(header, payload)
      },
      sendRtcp: (packet) => {
        transport.sendRtcp(packet)
      },
    },
    now: parts.now,
    changed: on.streamChanged,
  })

  function answerFeedback(packet: RtcpPacket): void {
    if (packet instanceof RtcpTransportLayerFeedback) {
      const { feedback } = packet
      if (feedback instanceof GenericNack) {
        const down = downs.get(feedback.mediaSourceSsrc)
        if (down) downstream.resend(down, feedback.lost)
      }
      if (feedback instanceof TransportWideCC)
        downstream.feedbackReceived(readTransportFeedback(feedback))
    }
    if (packet instanceof RtcpPayloadSpecificFeedback) {
      const { feedback } = packet
      if (feedback instanceof PictureLossIndication)
        downs.get(feedback.mediaSsrc)?.track.requestKeyframe()
    }
  }

  return {
    transport,
    upstream,
    downstream,
    addDown(down) {
      downs.set(down.forwarding.ssrc, down)
      downstream.add(down)
    },
    removeDown(down) {
      downs.delete(down.forwarding.ssrc)
      downstream.remove(down)
    },
    tick(at) {
      upstream.tick(at)
      downstream.tick(at)
    },
    close() {
      downstream.close()
      downs.clear()
      transport.close()
    },
  }
}
