/** A track that a participant publishes: what is known of it, and the way of its packets to the subscribers. */
import type { TrackInfo } from '@livekit/protocol'
import { TrackType } from '@livekit/protocol'
import type { RtpPacket } from 'werift'
import { createLayerRates, type LayerRates } from './layer-rates.ts'
import { createLoudness, type Loudness } from './loudness.ts'
import { parseVp8, type Vp8Payload } from './vp8-payload.ts'

/** Where its packets go. */
export interface TrackSink {
  forward(packet: RtpPacket, layer: number, vp8: Vp8Payload | null): void
  forwardSenderReport(ntpTimestamp: bigint, rtpTimestamp: number, ofSsrc: number): void
}

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
  /** What comes in of each layer. */
  readonly rates: LayerRates
  /** One that has lost its sender's streams can get others; a simulcast has one for each layer. */
  setSource(source: { requestKeyframe(): void }, layer: number): void
  removeSources(): void
  received(packet: RtpPacket, dBov: number | null, layer: number): void
  senderReported(ntpTimestamp: bigint, rtpTimestamp: number, ofSsrc: number): void
  addSink(sink: TrackSink): void
  removeSink(sink: TrackSink): void
  /** At most twice a second: a subscriber with the wrong key asks for ever. Without a layer: of all. */
  requestKeyframe(layer?: number): void
  tick(at: number): void
}

const keyframeEveryMs = 500

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
  const sinks = new Set<TrackSink>()
  const rates = createLayerRates()
  /** Its time stamp, by layer. */
  const keyframeOf = new Map<number, number>()
  const kind = first.type === TrackType.AUDIO ? 'audio' : 'video'
  const loudness = createLoudness()
  let info = first
  let isAnnounced = false
  const sources = new Map<number, { askKeyframe(): void; isWanted: boolean; askedAt: number }>()
  /** Asked for while nothing came yet. */
  let isKeyframeWanted = false

  function tick(at: number): void {
    rates.tick(at)
    for (const source of sources.values()) {
      if (!source.isWanted || at - source.askedAt < keyframeEveryMs) continue
      source.isWanted = false
      source.askedAt = at
      source.askKeyframe()
    }
  }

  function requestKeyframe(layer?: number): void {
    if (kind === 'audio') return
    if (sources.size === 0) isKeyframeWanted = true
    for (const [index, source] of sources)
      if (layer === undefined || layer === index) source.isWanted = true
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
    rates,
    change(change) {
      info = info.clone()
      Object.assign(info, change)
      for (const codec of info.codecs) codec.mid = info.mid
    },
    setSource({ requestKeyframe: ask }, layer) {
      const isWanted = isKeyframeWanted || sinks.size > 0
      isKeyframeWanted = false
      sources.set(layer, { askKeyframe: ask, isWanted, askedAt: 0 })
      if (kind === 'video') tick(now())
    },
    removeSources() {
      sources.clear()
      rates.clear()
    },
    received(packet, dBov, layer) {
      if (dBov !== null) loudness.add(dBov)
      if (!isAnnounced) {
        isAnnounced = true
        announce(track)
      }
      const vp8 = kind === 'video' ? (parseVp8(packet.payload) ?? null) : null
      // A keyframe says nothing of what comes after it.
      if (vp8?.isKeyframe) keyframeOf.set(layer, packet.header.timestamp)
      const isOfKeyframe = keyframeOf.get(layer) === packet.header.timestamp
      const bytes = isOfKeyframe ? 0 : packet.payload.length
      rates.count(layer, vp8?.temporal ?? 0, bytes, now())
      for (const sink of sinks) sink.forward(packet, layer, vp8)
    },
    senderReported(ntpTimestamp, rtpTimestamp, ofSsrc) {
      for (const sink of sinks) sink.forwardSenderReport(ntpTimestamp, rtpTimestamp, ofSsrc)
    },
    addSink(sink) {
      sinks.add(sink)
      requestKeyframe()
    },
    removeSink(sink) {
      sinks.delete(sink)
    },
    requestKeyframe,
    tick,
  }
  return track
}
