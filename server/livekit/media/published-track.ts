/** A track that a participant publishes: what is known of it, and the way of its packets to the subscribers. */
import type { TrackInfo } from '@livekit/protocol'
import { TrackType } from '@livekit/protocol'
import type { RtpPacket } from 'werift'
import { createLoudness, type Loudness } from './loudness.ts'
import type { RtpForwarding } from './rtp-forwarding.ts'

export interface PublishedTrack {
  readonly sid: string
  readonly kind: 'audio' | 'video'
  readonly clockRate: number
  /** The client's own name of it, as in its session descriptions; a codec each may have one. */
  readonly cids: readonly string[]
  readonly info: TrackInfo
  /** The others know of it: its first packet has come. */
  readonly isAnnounced: boolean
  readonly loudness: Loudness
  change(change: Partial<Pick<TrackInfo, 'muted' | 'mid'>>): void
  /** One that has lost its sender's stream can get another. */
  setSource(source: { askKeyframe(): void } | null): void
  received(packet: RtpPacket, dBov: number | null): void
  senderReported(ntpTimestamp: bigint, rtpTimestamp: number): void
  addForwarding(forwarding: RtpForwarding): void
  removeForwarding(forwarding: RtpForwarding): void
  /** At most twice a second: a subscriber with the wrong key asks for ever. */
  askKeyframe(): void
  tick(at: number): void
}

const keyframePauseMs = 500

export function createPublishedTrack({
  info: first,
  cids,
  now,
  announce,
}: {
  info: TrackInfo
  cids: string[]
  now(): number
  announce(track: PublishedTrack): void
}): PublishedTrack {
  const forwardings = new Set<RtpForwarding>()
  const kind = first.type === TrackType.AUDIO ? 'audio' : 'video'
  const loudness = createLoudness()
  let info = first
  let isAnnounced = false
  let source: { askKeyframe(): void } | null = null
  let keyframe = { isWanted: false, askedAt: 0 }

  function tick(at: number): void {
    if (!keyframe.isWanted || !source || at - keyframe.askedAt < keyframePauseMs) return
    keyframe = { isWanted: false, askedAt: at }
    source.askKeyframe()
  }

  function askKeyframe(): void {
    if (kind === 'audio') return
    keyframe.isWanted = true
    tick(now())
  }

  const track: PublishedTrack = {
    sid: first.sid,
    kind,
    clockRate: kind === 'audio' ? 48_000 : 90_000,
    cids,
    get info() {
      return info
    },
    get isAnnounced() {
      return isAnnounced
    },
    loudness,
    change(change) {
      info = info.clone()
      Object.assign(info, change)
      for (const codec of info.codecs) codec.mid = info.mid
    },
    setSource(next) {
      source = next
      if (next && forwardings.size > 0) askKeyframe()
    },
    received(packet, dBov) {
      if (dBov !== null) loudness.heard(dBov)
      if (!isAnnounced) {
        isAnnounced = true
        announce(track)
      }
      for (const forwarding of forwardings) forwarding.forward(packet)
    },
    senderReported(ntpTimestamp, rtpTimestamp) {
      for (const forwarding of forwardings)
        forwarding.forwardSenderReport(ntpTimestamp, rtpTimestamp)
    },
    addForwarding(forwarding) {
      forwardings.add(forwarding)
      askKeyframe()
    },
    removeForwarding(forwarding) {
      forwardings.delete(forwarding)
    },
    askKeyframe,
    tick,
  }
  return track
}
