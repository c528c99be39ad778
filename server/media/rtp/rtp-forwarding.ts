/**
 * Sends one published track on to one subscriber: numbers of its own that go on without a gap
 * whatever the source does, and a memory for what the subscriber asks for again.
 */
import { RtpHeader, type RtpPacket } from 'werift'
import { createFrameFilter } from './frame-filter.ts'
import type { Layer } from './layer-choice.ts'
import { writeSenderReport } from './rtcp-write.ts'
import { createSpliceNumbers } from './splice-numbers.ts'
import { renumberVp8, type Vp8Payload } from './vp8-payload.ts'

export interface RtpForwarding {
  readonly ssrc: number
  readonly rtxSsrc: number | null
  readonly packetsSent: number
  readonly isPaused: boolean
  /** The subscriber does not want to see it for the moment. */
  setPaused(paused: boolean): void
  /** Which of the layers; null: the line has no room for any. */
  setLayer(layer: Layer | null): void
  /** Whose keyframe it waits for. */
  readonly awaitedLayer: number | null
  /** Something did not go out: the picture has to begin anew. */
  restart(): void
  /** `layer`: of a simulcast. Gives the bytes that went out. */
  forward(packet: RtpPacket, layer: number, vp8: Vp8Payload | null): number
  /** The sender's clock: the subscriber keeps sound and picture together by it. */
  forwardSenderReport(ntpTimestamp: bigint, rtpTimestamp: number, ofSsrc: number): void
  /** Those that are still known, and not on their way again already. */
  resendable(sequences: readonly number[]): number[]
  /** Gives the bytes that went out. */
  resend(sequence: number): number
  /** Nothing but padding, to probe what the line takes. 0 when it cannot. */
  sendPadding(): number
}

export interface RtpOutlet {
  sendRtp(header: RtpHeader, payload: Buffer): void
  sendRtcp(packet: Buffer): void
}

interface Sent {
  sequence: number
  timestamp: number
  marker: boolean
  payload: Buffer
  resentAt: number
}

const memory = 512
const resendPauseMs = 40
/** Padding counts itself in its last byte. */
const padding = Buffer.alloc(224)
padding.writeUInt8(padding.length, padding.length - 1)

export function createRtpForwarding({
  kind,
  clockRate,
  codec,
  ssrc,
  rtxSsrc,
  mid,
  outlet,
  now,
  random,
}: {
  kind: 'audio' | 'video'
  clockRate: number
  /** Payload types as this subscriber knows them. */
  codec: { main: number; rtx: number | null }
  ssrc: number
  rtxSsrc: number | null
  /** Travels with each packet: whoever does not know the stream yet drops it instead of guessing. */
  mid: { extensionId: number; value: string } | null
  outlet: RtpOutlet
  now(): number
  random(bytes: number): Buffer
}): RtpForwarding {
  const extensions = mid ? [{ id: mid.extensionId, payload: Buffer.from(mid.value) }] : []
  const sent: (Sent | undefined)[] = kind === 'video' ? new Array<Sent | undefined>(memory) : []
  const filter = kind === 'video' ? createFrameFilter() : null
  const numbers = createSpliceNumbers({ clockRate, now, random })
  let isPaused = false
  let rtxSequence = random(2).readUInt16BE() & 0x3fff
  let packetsSent = 0
  let octetsSent = 0

  function send(header: Partial<RtpHeader>, payload: Buffer): number {
    outlet.sendRtp(new RtpHeader({ ...header, extensions: [...extensions] }), payload)
    return payload.length
  }

  return {
    ssrc,
    rtxSsrc,
    get packetsSent() {
      return packetsSent
    },
    get isPaused() {
      return isPaused
    },
    get awaitedLayer() {
      return isPaused ? null : (filter?.awaited ?? null)
    },
    setPaused(paused) {
      if (paused) {
        numbers.cut()
        filter?.restart()
      }
      isPaused = paused
    },
    setLayer(layer) {
      filter?.setWanted(layer)
    },
    restart() {
      filter?.restart()
    },
    forward({ header, payload }, layer, vp8) {
      if (isPaused) return 0
      let body = payload
      if (filter) {
        const isNewSource = !numbers.isOf(header)
        const { timestamp } = header
        // Without a payload: the publisher’s own padding, for our line and not for theirs.
        const passage = vp8 && filter.pass({ layer, timestamp, isNewSource, vp8 })
        if (!passage) {
          numbers.skip(header)
          return 0
        }
        if (passage.isSwitch) numbers.cut()
        body = renumberVp8(payload, vp8, passage.shift)
      }
      const place = numbers.place(header)
      if (!place) return 0
      const { sequence, timestamp } = place
      packetsSent += 1
      octetsSent += body.length
      const { marker } = header
      if (kind === 'video')
        sent[sequence % memory] = { sequence, timestamp, marker, payload: body, resentAt: 0 }
      const { main: payloadType } = codec
      return send({ payloadType, sequenceNumber: sequence, timestamp, ssrc, marker }, body)
    },
    forwardSenderReport(ntpTimestamp, rtpTimestamp, ofSsrc) {
      const timestamp = numbers.timestampOf(ofSsrc, rtpTimestamp)
      if (timestamp === null || isPaused) return
      outlet.sendRtcp(
        writeSenderReport({
          ssrc,
          ntpTimestamp,
          rtpTimestamp: timestamp,
          packetCount: packetsSent,
          octetCount: octetsSent,
        }),
      )
    },
    resendable(sequences) {
      if (rtxSsrc === null || codec.rtx === null) return []
      return sequences.slice(0, memory).filter((sequence) => {
        const packet = sent[sequence % memory]
        if (packet?.sequence !== sequence || now() - packet.resentAt < resendPauseMs) return false
        packet.resentAt = now()
        return true
      })
    },
    resend(sequence) {
      const packet = sent[sequence % memory]
      if (rtxSsrc === null || codec.rtx === null || packet?.sequence !== sequence) return 0
      rtxSequence = (rtxSequence + 1) & 0xffff
      const original = Buffer.from([sequence >> 8, sequence & 0xff])
      const { timestamp, marker } = packet
      return send(
        {
          payloadType: codec.rtx,
          sequenceNumber: rtxSequence,
          timestamp,
          ssrc: rtxSsrc,
          marker,
        },
        Buffer.concat([original, packet.payload]),
      )
    },
    sendPadding() {
      if (rtxSsrc === null || codec.rtx === null || packetsSent === 0) return 0
      rtxSequence = (rtxSequence + 1) & 0xffff
      const header = { payloadType: codec.rtx, sequenceNumber: rtxSequence, ssrc: rtxSsrc }
      return send({ ...header, timestamp: numbers.timestamp, padding: true }, padding)
    },
  }
}
