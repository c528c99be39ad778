/**
 * Sends one published track on to one subscriber: numbers of its own that go on without a gap
 * whatever the source does, and a memory for what the subscriber asks for again.
 */
import { RtpHeader, type RtpPacket } from 'werift'
import { writeSenderReport } from './rtcp-write.ts'

export interface RtpForwarding {
  readonly ssrc: number
  readonly rtxSsrc: number | null
  readonly packetsSent: number
  /** The subscriber does not want to see it for the moment. */
  setPaused(paused: boolean): void
  forward(packet: RtpPacket): void
  /** The sender's clock: the subscriber keeps sound and picture together by it. */
  forwardSenderReport(ntpTimestamp: bigint, rtpTimestamp: number): void
  /** Sends again what is still known. */
  resend(sequences: readonly number[]): void
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
  let isPaused = false
  let source: {
    ssrc: number
    base: number
    sequenceOffset: number
    timestampOffset: number
  } | null = null
  let last: { sequence: number; timestamp: number; at: number } = {
    // Far from where 16 bits end, so that nobody loses count in the first second.
    sequence: random(2).readUInt16BE() & 0x3fff,
    timestamp: random(4).readUInt32BE(),
    at: now(),
  }
  let rtxSequence = random(2).readUInt16BE() & 0x3fff
  let packetsSent = 0
  let octetsSent = 0

  function splice({
    ssrc: from,
    sequenceNumber,
    timestamp,
  }: RtpHeader): NonNullable<typeof source> {
    const elapsed = Math.max(1, Math.round(((now() - last.at) * clockRate) / 1000))
    return {
      ssrc: from,
      base: sequenceNumber,
      sequenceOffset: last.sequence + 1 - sequenceNumber,
      timestampOffset: last.timestamp + elapsed - timestamp,
    }
  }

  return {
    ssrc,
    rtxSsrc,
    get packetsSent() {
      return packetsSent
    },
    setPaused(paused) {
      if (paused) source = null
      isPaused = paused
    },
    forward({ header, payload }) {
      if (isPaused) return
      if (source?.ssrc !== header.ssrc) source = splice(header)
      // From before the splice: its number is taken.
      const age = (header.sequenceNumber - source.base) & 0xffff
      if (age > 0xc000) return
      // The source may go round its 16 bits any number of times; only its start is special.
      if (age > 0x4000) source.base = (header.sequenceNumber - 0x2000) & 0xffff
      const sequence = (header.sequenceNumber + source.sequenceOffset) & 0xffff
      const timestamp = (header.timestamp + source.timestampOffset) >>> 0
      if (((sequence - last.sequence) & 0xffff) < 0x8000) last = { sequence, timestamp, at: now() }
      packetsSent += 1
      octetsSent += payload.length
      const { marker } = header
      if (kind === 'video')
        sent[sequence % memory] = { sequence, timestamp, marker, payload, resentAt: 0 }
      outlet.sendRtp(
        new RtpHeader({
          payloadType: codec.main,
          sequenceNumber: sequence,
          timestamp,
          ssrc,
          marker,
          extensions,
        }),
        payload,
      )
    },
    forwardSenderReport(ntpTimestamp, rtpTimestamp) {
      if (!source || isPaused) return
      outlet.sendRtcp(
        writeSenderReport({
          ssrc,
          ntpTimestamp,
          rtpTimestamp: (rtpTimestamp + source.timestampOffset) >>> 0,
          packetCount: packetsSent,
          octetCount: octetsSent,
        }),
      )
    },
    resend(sequences) {
      if (rtxSsrc === null || codec.rtx === null) return
      for (const sequence of sequences.slice(0, memory)) {
        const packet = sent[sequence % memory]
        if (packet?.sequence !== sequence || now() - packet.resentAt < resendPauseMs) continue
        packet.resentAt = now()
        rtxSequence = (rtxSequence + 1) & 0xffff
        const original = Buffer.from([sequence >> 8, sequence & 0xff])
        outlet.sendRtp(
          new RtpHeader({
            payloadType: codec.rtx,
            sequenceNumber: rtxSequence,
            timestamp: packet.timestamp,
            ssrc: rtxSsrc,
            marker: packet.marker,
            extensions,
          }),
          Buffer.concat([original, packet.payload]),
        )
      }
    },
  }
}
