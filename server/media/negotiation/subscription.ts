/** One participant's subscription to one track: from the wish over its section to the running packets. */
import type { ClientLine } from '../rtp/peer-connection.ts'
import type { DownTrack } from '../rtp/rtp-downstream.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'
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
  line: ClientLine
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
  let place: { line: ClientLine; down: DownTrack; sending: SdpSending } | null = null
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
      return place?.sending
    },
    attach({ line, mid, codec, midExtensionId }) {
      const ssrc = newSsrc()
      const rtxSsrc = codec.rtx === null ? null : newSsrc()
      const forwarding = createRtpForwarding({
        kind: track.kind,
        clockRate: track.clockRate,
        codec,
        ssrc,
        rtxSsrc,
        mid: midExtensionId === undefined ? null : { extensionId: midExtensionId, value: mid },
        outlet: line.traffic.outlet,
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
      place = { line, down: { track, forwarding }, sending }
      return sending
    },
    start() {
      if (!place || isStarted || isEnded) return
      isStarted = true
      place.line.addDown(place.down)
    },
    setPaused(paused) {
      const isBack = isPaused && !paused
      isPaused = paused
      place?.down.forwarding.setPaused(paused)
      if (isBack) track.askKeyframe()
    },
    end() {
      isEnded = true
      if (isStarted) place?.line.removeDown(place.down)
    },
  }
}
