/**
 * What goes out to one client, in the order in which it matters: sound at once, pictures as the line takes
 * them, and of each picture the layer that there is room for.
 */
import { TrackSource } from '@livekit/protocol'
import type { RtpHeader, RtpPacket } from 'werift'
import { chooseLayers, type Layer, type LayerOffer } from './layer-choice.ts'
import { everyTemporal } from './frame-filter.ts'
import { packetOverhead } from './layer-rates.ts'
import { createLineEstimate } from './bandwidth-estimate.ts'
import type { PublishedTrack, TrackSink } from './published-track.ts'
import type { RtpForwarding, RtpOutlet } from './rtp-forwarding.ts'
import type { PacketFate } from './transport-feedback.ts'
import type { Vp8Payload } from './vp8-payload.ts'

/** A track on its way to this client. */
export interface DownTrack {
  track: PublishedTrack
  forwarding: RtpForwarding
}

export interface LineTraffic {
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
  heard(fates: readonly PacketFate[]): void
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

const chooseEveryMs = 100
/** Where there was never too much a keyframe may go out fast. */
const burst = 2.5
const fastBitrate = 1_000_000
/** The queue’s own excess. */
const pace = 1.05
const bucketMs = 25
/** A picture that would come later than this begins anew. */
const latestMs = 4_000
/** Later than this, frames that others do not build on are left out. */
const lateMs = 400
const soundWindowMs = 1_000
/** Before it was measured. */
const guess = { smallest: 100_000, best: 800_000, sound: 60_000 }
/** Against a client that never tells of anything, or of a gigantic queue. */
const mostWaiting = 4_000

export function createLineTraffic({
  send,
  now,
  changed,
}: {
  send: RtpOutlet
  now(): number
  /** The client gets this track, or it does not any more. */
  changed(track: PublishedTrack, isSent: boolean): void
}): LineTraffic {
  const estimate = createLineEstimate()
  const downs = new Map<DownTrack, Down>()
  let extension: number | undefined
  let sequence = 0
  let queue: Waiting[] = []
  let again: Waiting[] = []
  const beganAt = now()
  let credit = 0
  let creditAt = now()
  let chosenAt = 0
  let soundRate = 0
  let sound: { at: number; bytes: number }[] = []
  /** Of what goes out just now. */
  let kind: 'sound' | 'picture' | 'weight' = 'picture'
  let triedAt: number | null = null
  let tryBytes = 0
  let shortage: LineTraffic['shortage'] = 'none'

  const outlet: RtpOutlet = {
    sendRtp(header: RtpHeader, payload) {
      const bytes = payload.length + packetOverhead
      if (kind === 'sound') sound.push({ at: now(), bytes })
      else if (kind === 'picture') credit -= bytes
      tryBytes += bytes
      if (extension !== undefined) {
        sequence = (sequence + 1) & 0xffff
        const number = Buffer.from([sequence >> 8, sequence & 0xff])
        header.extensions.push({ id: extension, payload: number })
        estimate.sent(sequence, bytes, now())
      }
      send.sendRtp(header, payload)
    },
    sendRtcp: send.sendRtcp,
  }

  function as(what: typeof kind, work: () => number): number {
    kind = what
    try {
      return work()
    } finally {
      kind = 'picture'
    }
  }

  const isManaged = () => extension !== undefined && estimate.isTelling(now())

  /** What the client turned off is no matter. */
  const pictures = () =>
    [...downs.values()].filter(
      ({ track, forwarding }) => track.kind === 'video' && !forwarding.isPaused,
    )

  function measureSound(): number {
    const sounds = [...downs.values()].filter(({ track }) => track.kind === 'audio')
    // What has just begun is not measured yet.
    if (now() - beganAt < soundWindowMs) return guess.sound * sounds.length
    return (sound.reduce((sum, { bytes }) => sum + bytes, 0) * 8_000) / soundWindowMs
  }

  function pictureRate(at: number): number {
    const bitrate = Math.max(estimate.bitrate, estimate.tryRate ?? 0)
    const room = Math.max(20_000, bitrate - soundRate)
    return room * (estimate.isTight(at) || estimate.bitrate < fastBitrate ? pace : burst)
  }

  function drain(at: number): void {
    if (!isManaged()) credit = Infinity
    else {
      const rate = pictureRate(at) / 8_000
      if (credit === Infinity) credit = 0
      credit = Math.min(rate * bucketMs, credit + rate * Math.max(0, at - creditAt))
    }
    creditAt = at
    while (credit > 0) {
      const next = again.shift() ?? queue.shift()
      if (!next) return
      const { chosen, forwarding } = next.down
      const isLate = at - next.at > lateMs
      if (chosen) forwarding.setLayer(isLate ? { ...chosen, temporal: 0 } : chosen)
      next.send()
    }
    const [oldest] = queue
    if ((oldest && at - oldest.at > latestMs) || queue.length > mostWaiting) giveUp()
  }

  function giveUp(): void {
    for (const { down } of queue) down.forwarding.restart()
    queue = []
    again = []
  }

  function choose(at: number): void {
    chosenAt = at
    const offers = pictures().map(toOffer)
    const room = isManaged() ? estimate.bitrate - soundRate : Infinity
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
    const best = pictures().map((down) => toOffer(down).options.at(-1)?.bitrate ?? 0)
    return soundRate + 1.2 * best.reduce((sum, rate) => sum + rate, 0)
  }

  function fill(at: number): void {
    const rate = estimate.tryRate
    if (rate === null) {
      tryBytes = 0
      triedAt = null
      return
    }
    triedAt ??= at
    const due = (rate * (at - triedAt)) / 8_000
    const [first] = pictures()
    while (first && tryBytes < due) if (as('weight', first.forwarding.pad) === 0) return
  }

  function push(down: Down, waiting: Omit<Waiting, 'down'>, first: boolean): void {
    ;(first ? again : queue).push({ down, ...waiting })
    drain(now())
  }

  function toSink({ track, forwarding }: DownTrack, self: () => Down): TrackSink {
    const forward = (packet: RtpPacket, layer: number, vp8: Vp8Payload | null) =>
      forwarding.forward(packet, layer, vp8)
    return {
      forward(packet, layer, vp8) {
        if (track.kind === 'video') {
          const send = () => forward(packet, layer, vp8)
          push(self(), { at: now(), send }, false)
          return
        }
        as('sound', () => forward(packet, layer, vp8))
      },
      forwardSenderReport: forwarding.forwardSenderReport,
    }
  }

  return {
    outlet,
    get bitrate() {
      return isManaged() ? estimate.bitrate : null
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
      soundRate = measureSound()
      choose(now())
      given.track.addSink(down.sink)
    },
    remove(given) {
      const down = downs.get(given)
      if (!down) return
      downs.delete(given)
      queue = queue.filter((waiting) => waiting.down !== down)
      again = again.filter((waiting) => waiting.down !== down)
      given.track.removeSink(down.sink)
    },
    resend(given, sequences) {
      const down = downs.get(given)
      if (!down) return
      for (const lost of given.forwarding.resendable(sequences))
        push(down, { at: now(), send: () => given.forwarding.resend(lost) }, true)
    },
    heard(fates) {
      const before = estimate.bitrate
      estimate.heard(fates, now())
      if (estimate.bitrate < before) choose(now())
    },
    tick(at) {
      sound = sound.filter((one) => at - one.at <= soundWindowMs && one.at <= at)
      soundRate = measureSound()
      estimate.tick(at, wanted())
      if (at - chosenAt >= chooseEveryMs || at < chosenAt) choose(at)
      drain(at)
      fill(at)
      for (const { track, forwarding } of downs.values()) {
        const { awaitedLayer } = forwarding
        if (awaitedLayer !== null) track.askKeyframe(awaitedLayer)
      }
    },
    close() {
      for (const { track, sink } of downs.values()) track.removeSink(sink)
      downs.clear()
      queue = []
      again = []
    },
  }
}

function toOffer(down: Down): LayerOffer<Down> {
  const { track } = down
  const isScreen = track.info.source === TrackSource.SCREEN_SHARE
  return { key: down, priority: isScreen ? 2 : 1, options: toOptions(track), present: down.chosen }
}

function toOptions({ rates }: PublishedTrack): LayerOffer<Down>['options'] {
  const known = rates.layers
  const flowing = known.filter((layer) => rates.of(layer) !== null)
  const layers = flowing.length > 0 ? flowing : known
  const [lowest = 0, ...higher] = layers
  const rateOf = (layer: number) => rates.of(layer) ?? []
  const steps = rateOf(lowest)
  const smallest = steps.map((bitrate, temporal) => ({ layer: lowest, temporal, bitrate }))
  const whole = smallest.pop()
  return [
    ...smallest,
    {
      layer: lowest,
      temporal: everyTemporal,
      bitrate: whole?.bitrate ?? (higher.length > 0 ? guess.smallest : 0),
    },
    ...higher.map((layer) => ({
      layer,
      temporal: everyTemporal,
      bitrate: rateOf(layer).at(-1) ?? guess.best,
    })),
  ]
}
