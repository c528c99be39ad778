/**
 * A client’s line in simulated time: what the embedded server sends to one receiver of a call passes a line
 * of a certain rate with a queue, and the receiver tells of arrivals as browsers do.
 */
import { TrackInfo, TrackSource, TrackType } from '@livekit/protocol'
import { RtpHeader, RtpPacket } from 'werift'
import {
  createRtpDownstream,
  type RtpDownstream,
} from '../../../../server/media/rtp/rtp-downstream.ts'
import {
  createPublishedTrack,
  type PublishedTrack,
} from '../../../../server/media/rtp/published-track.ts'
import { createRtpForwarding } from '../../../../server/media/rtp/rtp-forwarding.ts'
import type { PacketFate } from '../../../../server/media/rtp/transport-feedback.ts'
import { parseVp8 } from '../../../../server/media/rtp/vp8-payload.ts'

const stepMs = 5
const tickMs = 25
const feedbackMs = 100
const headBytes = 60
const transportExtension = 2

export interface Arrived {
  track: string
  sentAt: number
  arrivedAt: number
  bytes: number
  payload: Buffer
  sequence: number
}

export interface SimulatedLine {
  readonly now: number
  readonly traffic: RtpDownstream
  /** What has come, in order. */
  readonly arrived: Arrived[]
  /** Packets of sound that the line has lost. */
  readonly soundLost: number
  /** Whether the client was told that it gets the track. */
  readonly isSent: Map<string, boolean>
  setBitrate(bitrate: number): void
  microphone(name: string): void
  /** A camera or a screen in two layers. */
  picture(name: string, layers: SimulatedLayer[], source?: TrackSource): SimulatedPicture
  run(ms: number): void
}

export interface SimulatedLayer {
  bitrate: number
  framesPerSecond: number
  keyframeBytes: number
}

export interface SimulatedPicture {
  track: PublishedTrack
  keyframes: number[]
}

export function createSimulatedLine(
  first: { bitrate: number; queueMs?: number; noiseMs?: number; loss?: number },
  random: () => number,
): SimulatedLine {
  let now = 1_000_000
  let { bitrate } = first
  const { queueMs = 500, noiseMs = 2, loss = 0 } = first
  let freeAt = now
  let soundLost = 0
  const names = new Map<number, string>()
  const isSent = new Map<string, boolean>()
  const arrived: Arrived[] = []
  let pending: Arrived[] = []
  let fates: { fate: PacketFate; at: number }[] = []
  const sources: (() => void)[] = []
  const tracks: PublishedTrack[] = []

  const traffic = createRtpDownstream({
    send: { sendRtp: transmit, sendRtcp: () => undefined },
    now: () => now,
    changed: ({ sid }, isNowSent) => isSent.set(sid, isNowSent),
  })
  traffic.setExtension(transportExtension)

  function transmit(header: RtpHeader, payload: Buffer): void {
    const number = header.extensions.find(({ id }) => id === transportExtension)?.payload
    const transport = number?.readUInt16BE(0) ?? 0
    const bytes = payload.length + headBytes
    const begins = Math.max(now, freeAt)
    const track = header.padding ? 'weight' : (names.get(header.ssrc) ?? 'again')
    if (begins - now > queueMs || random() < loss) {
      if (track.startsWith('sound')) soundLost += 1
      fates.push({ fate: { sequence: transport, arrivedAtMs: null }, at: begins })
      return
    }
    freeAt = begins + (bytes * 8_000) / bitrate
    const arrivedAt = freeAt + 20 + random() * noiseMs
    const { sequenceNumber: sequence } = header
    pending.push({ track, sentAt: now, arrivedAt, bytes, payload, sequence })
    fates.push({ fate: { sequence: transport, arrivedAtMs: arrivedAt - 5_000 }, at: arrivedAt })
  }

  function open(name: string, type: TrackType, source: TrackSource): PublishedTrack {
    const track = createPublishedTrack({
      info: new TrackInfo({ sid: name, type, source }),
      cids: [name],
      now: () => now,
      announce: () => undefined,
    })
    tracks.push(track)
    return track
  }

  function subscribe(track: PublishedTrack, name: string): void {
    const ssrc = 1_000 + names.size
    names.set(ssrc, name)
    const forwarding = createRtpForwarding({
      kind: track.kind,
      clockRate: track.clockRate,
      codec: track.kind === 'audio' ? { main: 111, rtx: null } : { main: 96, rtx: 97 },
      ssrc,
      rtxSsrc: track.kind === 'audio' ? null : ssrc + 500,
      mid: null,
      outlet: traffic.outlet,
      now: () => now,
      random: (size) => Buffer.alloc(size, 7),
    })
    traffic.add({ track, forwarding })
  }

  function packet(ssrc: number, sequence: number, timestamp: number, payload: Buffer): RtpPacket {
    const header = new RtpHeader({ ssrc, sequenceNumber: sequence & 0xffff, payloadType: 96 })
    header.timestamp = timestamp >>> 0
    return new RtpPacket(header, payload)
  }

  return {
    get now() {
      return now
    },
    traffic,
    arrived,
    get soundLost() {
      return soundLost
    },
    isSent,
    setBitrate(next) {
      bitrate = next
    },
    microphone(name) {
      const track = open(`sound ${name}`, TrackType.AUDIO, TrackSource.MICROPHONE)
      let next = now
      let sequence = 0
      sources.push(() => {
        for (; next <= now; next += 20) {
          sequence += 1
          track.received(packet(1, sequence, sequence * 960, Buffer.alloc(100)), 30, 0)
        }
      })
      subscribe(track, track.sid)
    },
    picture(name, layers, source = TrackSource.CAMERA) {
      const track = open(name, TrackType.VIDEO, source)
      const keyframes: number[] = []
      layers.forEach((layer, index) => {
        let next = now
        let sequence = 0
        let frame = 0
        let isWanted = true
        track.setSource({ requestKeyframe: () => (isWanted = true) }, index)
        sources.push(() => {
          for (; next <= now; next += 1000 / layer.framesPerSecond) {
            frame += 1
            const isKeyframe = isWanted
            if (isKeyframe) keyframes.push(now)
            isWanted = false
            const temporal = isKeyframe ? 0 : ([0, 2, 1, 2][frame % 4] ?? 0)
            let left = isKeyframe ? layer.keyframeBytes : layer.bitrate / layer.framesPerSecond / 8
            for (let part = 0; left > 0; part += 1, left -= 1_100) {
              const payload = Buffer.alloc(Math.min(1_100, Math.max(20, Math.ceil(left))))
              // A descriptor as Chromium writes it: number of the picture, temporal layer.
              const tl0 = Math.floor(frame / 4) & 0xff
              const head = [part === 0 ? 0x90 : 0x80, 0xe0, 0x80 | ((frame >> 8) & 0x7f)]
              const rest = [frame & 0xff, tl0, (temporal << 6) | 0x20, isKeyframe ? 0 : 1]
              Buffer.from([...head, ...rest]).copy(payload)
              sequence += 1
              track.received(packet(10 + index, sequence, frame * 6_000, payload), null, index)
            }
          }
        })
      })
      subscribe(track, name)
      return { track, keyframes }
    },
    run(ms) {
      const until = now + ms
      let tickAt = now
      let feedbackAt = now
      while (now < until) {
        now += stepMs
        for (const source of sources) source()
        const here = pending.filter(({ arrivedAt }) => arrivedAt <= now)
        pending = pending.filter(({ arrivedAt }) => arrivedAt > now)
        arrived.push(...here)
        if (now - feedbackAt >= feedbackMs) {
          feedbackAt = now
          const known = fates.filter(({ at }) => at <= now - 20)
          fates = fates.filter(({ at }) => at > now - 20)
          if (known.length > 0) traffic.feedbackReceived(known.map(({ fate }) => fate))
        }
        if (now - tickAt >= tickMs) {
          tickAt = now
          for (const track of tracks) track.tick(now)
          traffic.tick(now)
        }
      }
    },
  }
}

/** Decodable: frames of one track whose picture numbers go on without a gap. */
export function pictureNumbers(arrived: readonly Arrived[], track: string): number[] {
  const numbers = arrived
    .filter((one) => one.track === track)
    // They may overtake each other on the way.
    .sort((a, b) => a.sequence - b.sequence)
    .map(({ payload }) => parseVp8(payload))
    .filter((vp8) => vp8?.isStart)
    .map((vp8) => vp8?.pictureId?.value ?? -1)
  return numbers
}
