/**
 * What goes out to one client, in the order in which it matters: sound at once, pictures as the line takes
 * them, and of each picture the layer that there is room for.
 */
import { TrackSource } from '@livekit/protocol'
import type { RtpHeader, RtpPacket } from 'werift'
import { createBandwidthEstimate } from './bandwidth-estimate.ts'
import {
  chooseLayers,
  everyTemporal,
  toLayerOptions,
  type Layer,
  type LayerOffer,
} from './layer-choice.ts'
import { packetOverhead } from './layer-rates.ts'
import type { PublishedTrack, TrackSink } from './published-track.ts'
import type { RtpForwarding, RtpOutlet } from './rtp-forwarding.ts'
import type { PacketFate } from './transport-feedback.ts'
import type { Vp8Payload } from './vp8-payload.ts'

/** A track on its way to this client. */
export interface DownTrack {
  track: PublishedTrack
  forwarding: RtpForwarding
}

export interface RtpDownstream {
  /** Where forwardings send; it numbers the packets that the client is to tell of. */
  readonly outlet: RtpOutlet
  /** Bits a second that the line takes; null: nobody knows. */
  readonly bitrate: number | null
  /** What the client misses of what it would get with a better line. */
  readonly shortage: 'none' | 'smaller' | 'missing'
  /** Undefined: the client does not tell of arrivals, and gets everything. */
  setExtension(id: number | undefined): void
  add(down: DownTrack): void
  remove(down: DownTrack): void
  resend(down: DownTrack, sequences: readonly number[]): void
  feedbackReceived(fates: readonly PacketFate[]): void
  tick(at: number): void
  close(): void
}

interface Down extends DownTrack {
  sink: TrackSink
  chosen: Layer | null
}

interface Waiting {
  down: Down
  at: number
  /** Gives the bytes that went out. */
  send(): number
}

const allocateEveryMs = 100
/** Where there was never too much a keyframe may go out fast. */
const burstFactor = 2.5
const fastBitrate = 1_000_000
/** The queue’s own excess. */
const paceFactor = 1.05
const bucketMs = 25
/** A picture that would come later than this begins anew. */
const maxQueueMs = 4_000
/** Later than this, frames that others do not build on are left out. */
const lateMs = 400
const audioWindowMs = 1_000
/** Before it was measured. */
const assumedAudioBitrate = 60_000
/** Against a client that never tells of anything, or of a gigantic queue. */
const maxQueuedPackets = 4_000

export function createRtpDownstream({
  send,
  now,
  changed,
}: {
  send: RtpOutlet
  now(): number
  /** The client gets this track, or it does not any more. */
  changed(track: PublishedTrack, isSent: boolean): void
}): RtpDownstream {
  const estimate = createBandwidthEstimate()
  const downs = new Map<DownTrack, Down>()
  let extension: number | undefined
  let sequence = 0
  let queue: Waiting[] = []
  let retransmissions: Waiting[] = []
  const beganAt = now()
  let credit = 0
  let creditAt = now()
  let allocatedAt = 0
  let audioRate = 0
  let audioSent: { at: number; bytes: number }[] = []
  /** Of what goes out just now. */
  let kind: 'audio' | 'video' | 'padding' = 'video'
  let probeStartedAt: number | null = null
  let probeBytes = 0
  let shortage: RtpDownstream['shortage'] = 'none'

  const outlet: RtpOutlet = {
    sendRtp(header: RtpHeader, payload) {
      const bytes = payload.length + packetOverhead
      if (kind === 'audio') audioSent.push({ at: now(), bytes })
      else if (kind === 'video') credit -= bytes
      probeBytes += bytes
      if (extension !== undefined) {
        sequence = (sequence + 1) & 0xffff
        const number = Buffer.from([sequence >> 8, sequence & 0xff])
        header.extensions.push({ id: extension, payload: number })
        estimate.packetSent(sequence, bytes, now())
      }
      send.sendRtp(header, payload)
    },
    sendRtcp: send.sendRtcp,
  }

  function sendAs(what: typeof kind, work: () => number): number {
    kind = what
    try {
      return work()
    } finally {
      kind = 'video'
    }
  }

  const isCongestionControlled = () => extension !== undefined && estimate.hasFeedback(now())

  /** What the client turned off is no matter. */
  const videos = () =>
    [...downs.values()].filter(
      ({ track, forwarding }) => track.kind === 'video' && !forwarding.isPaused,
    )

  function measureAudio(): number {
    const sounds = [...downs.values()].filter(({ track }) => track.kind === 'audio')
    // What has just begun is not measured yet.
    if (now() - beganAt < audioWindowMs) return assumedAudioBitrate * sounds.length
    return (audioSent.reduce((sum, { bytes }) => sum + bytes, 0) * 8_000) / audioWindowMs
  }

  function videoRate(at: number): number {
    const bitrate = Math.max(estimate.bitrate, estimate.probeRate ?? 0)
    const room = Math.max(20_000, bitrate - audioRate)
    return (
      room * (estimate.isCongested(at) || estimate.bitrate < fastBitrate ? paceFactor : burstFactor)
    )
  }

  function sendDue(at: number): void {
    if (!isCongestionControlled()) credit = Infinity
    else {
      const rate = videoRate(at) / 8_000
      if (credit === Infinity) credit = 0
      credit = Math.min(rate * bucketMs, credit + rate * Math.max(0, at - creditAt))
    }
    creditAt = at
    while (credit > 0) {
      const next = retransmissions.shift() ?? queue.shift()
      if (!next) return
      const { chosen, forwarding } = next.down
      const isLate = at - next.at > lateMs
      if (chosen) forwarding.setLayer(isLate ? { ...chosen, temporal: 0 } : chosen)
      next.send()
    }
    const [oldest] = queue
    if ((oldest && at - oldest.at > maxQueueMs) || queue.length > maxQueuedPackets) dropQueue()
  }

  function dropQueue(): void {
    for (const { down } of queue) down.forwarding.restart()
    queue = []
    retransmissions = []
  }

  function allocate(at: number): void {
    allocatedAt = at
    const offers = videos().map(toOffer)
    const room = isCongestionControlled() ? estimate.bitrate - audioRate : Infinity
    const chosen = chooseLayers(offers, room)
    shortage = 'none'
    for (const { key: down, options } of offers) {
      const layer = chosen.get(down) ?? null
      const best = options.at(-1)
      if (!layer) shortage = 'missing'
      else if (shortage === 'none' && best && layer.layer < best.layer) shortage = 'smaller'
      const wasSent = down.chosen !== null
      down.chosen = layer
      down.forwarding.setLayer(layer)
      if (wasSent !== (layer !== null)) changed(down.track, layer !== null)
    }
  }

  function wanted(): number {
    const best = videos().map((down) => toOffer(down).options.at(-1)?.bitrate ?? 0)
    return audioRate + 1.2 * best.reduce((sum, rate) => sum + rate, 0)
  }

  function sendProbePadding(at: number): void {
    const rate = estimate.probeRate
    if (rate === null) {
      probeBytes = 0
      probeStartedAt = null
      return
    }
    probeStartedAt ??= at
    const due = (rate * (at - probeStartedAt)) / 8_000
    const [first] = videos()
    while (first && probeBytes < due)
      if (sendAs('padding', first.forwarding.sendPadding) === 0) return
  }

  function enqueue(down: Down, waiting: Omit<Waiting, 'down'>, first: boolean): void {
    ;(first ? retransmissions : queue).push({ down, ...waiting })
    sendDue(now())
  }

  function toSink({ track, forwarding }: DownTrack, self: () => Down): TrackSink {
    const forward = (packet: RtpPacket, layer: number, vp8: Vp8Payload | null) =>
      forwarding.forward(packet, layer, vp8)
    return {
      forward(packet, layer, vp8) {
        if (track.kind === 'video') {
          const send = () => forward(packet, layer, vp8)
          enqueue(self(), { at: now(), send }, false)
          return
        }
        sendAs('audio', () => forward(packet, layer, vp8))
      },
      forwardSenderReport: forwarding.forwardSenderReport,
    }
  }

  return {
    outlet,
    get bitrate() {
      return isCongestionControlled() ? estimate.bitrate : null
    },
    get shortage() {
      return shortage
    },
    setExtension(id) {
      extension = id
    },
    add(given) {
      const down: Down = { ...given, sink: toSink(given, () => down), chosen: null }
      downs.set(given, down)
      down.chosen = { layer: 0, temporal: everyTemporal }
      audioRate = measureAudio()
      allocate(now())
      given.track.addSink(down.sink)
    },
    remove(given) {
      const down = downs.get(given)
      if (!down) return
      downs.delete(given)
      queue = queue.filter((waiting) => waiting.down !== down)
      retransmissions = retransmissions.filter((waiting) => waiting.down !== down)
      given.track.removeSink(down.sink)
    },
    resend(given, sequences) {
      const down = downs.get(given)
      if (!down) return
      for (const lost of given.forwarding.resendable(sequences))
        enqueue(down, { at: now(), send: () => given.forwarding.resend(lost) }, true)
    },
    feedbackReceived(fates) {
      const before = estimate.bitrate
      estimate.feedbackReceived(fates, now())
      if (estimate.bitrate < before) allocate(now())
    },
    tick(at) {
      audioSent = audioSent.filter((one) => at - one.at <= audioWindowMs && one.at <= at)
      audioRate = measureAudio()
      estimate.tick(at, wanted())
      if (at - allocatedAt >= allocateEveryMs || at < allocatedAt) allocate(at)
      sendDue(at)
      sendProbePadding(at)
      for (const { track, forwarding } of downs.values()) {
        const { awaitedLayer } = forwarding
        if (awaitedLayer !== null) track.requestKeyframe(awaitedLayer)
      }
    },
    close() {
      for (const { track, sink } of downs.values()) track.removeSink(sink)
      downs.clear()
      queue = []
      retransmissions = []
    },
  }
}

function toOffer(down: Down): LayerOffer<Down> {
  const { track } = down
  const isScreen = track.info.source === TrackSource.SCREEN_SHARE
  return {
    key: down,
    priority: isScreen ? 2 : 1,
    options: toLayerOptions(track.rates),
    present: down.chosen,
  }
}
