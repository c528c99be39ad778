/** One participant's subscription to one track: from the wish over its section to the running packets. */
import type { PeerConnection } from '../rtp/peer-connection.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'
import type { DownTrack } from '../rtp/rtp-downstream.ts'
import { createRtpForwarding } from '../rtp/rtp-forwarding.ts'
import type { SdpSending } from './sdp-write.ts'

export interface Subscription {
  readonly track: PublishedTrack
  /** Over; its section is to be closed. */
  readonly isEnded: boolean
  /** What its section says; undefined while it has none. */
  readonly sending: SdpSending | undefined
  attach(section: SubscriptionSection): SdpSending
  /** The client knows the section: packets may go. */
  start(): void
  setPaused(paused: boolean): void
  end(): void
}

export interface SubscriptionSection {
  connection: PeerConnection
  mid: string
  codec: { main: number; rtx: number | null }
  midExtensionId: number | undefined
}

export function createSubscription({
  track,
  publisherSid,
  now,
  random,
}: {
  track: PublishedTrack
  publisherSid: string
  now(): number
  random(bytes: number): Buffer
}): Subscription {
  let placement: { connection: PeerConnection; down: DownTrack; sending: SdpSending } | null = null
  let isStarted = false
  let isEnded = false
  let isPaused = false
  const newSsrc = () => (random(4).readUInt32BE() | 0x10000) >>> 0

  return {
    track,
    get isEnded() {
      return isEnded
    },
    get sending() {
      return placement?.sending
    },
    attach({ connection, mid, codec, midExtensionId }) {
      const ssrc = newSsrc()
      const rtxSsrc = codec.rtx === null ? null : newSsrc()
      const forwarding = createRtpForwarding({
        kind: track.kind,
        clockRate: track.clockRate,
        codec,
        ssrc,
        rtxSsrc,
        mid: midExtensionId === undefined ? null : { extensionId: midExtensionId, value: mid },
        outlet: connection.downstream.outlet,
        now,
        random,
      })
      forwarding.setPaused(isPaused)
      const sending = {
        streamId: `${publisherSid}|${track.sid}`,
        trackId: track.sid,
        ssrc,
        rtxSsrc,
      }
      placement = { connection, down: { track, forwarding }, sending }
      return sending
    },
    start() {
      if (!placement || isStarted || isEnded) return
      isStarted = true
      placement.connection.addDown(placement.down)
    },
    setPaused(paused) {
      const isBack = isPaused && !paused
      isPaused = paused
      placement?.down.forwarding.setPaused(paused)
      if (isBack) track.requestKeyframe()
    },
    end() {
      isEnded = true
      if (isStarted) placement?.connection.removeDown(placement.down)
    },
  }
}
