/** Packets on their way through the embedded media server: numbers, losses, reports. */
import {
  GenericNack,
  RtcpPacketConverter,
  RtcpRrPacket,
  RtcpSrPacket,
  RtcpTransportLayerFeedback,
  RtpHeader,
  RtpPacket,
  TransportWideCC,
} from 'werift'
import { describe, expect, test } from 'vitest'
import { createLoudness } from '../../../../server/media/rtp/loudness.ts'
import {
  writeNack,
  writeReceiverReport,
  writeSenderReport,
} from '../../../../server/media/rtp/rtcp-write.ts'
import { createRtpForwarding } from '../../../../server/media/rtp/rtp-forwarding.ts'
import { createRtpReception } from '../../../../server/media/rtp/rtp-reception.ts'
import { writeTransportFeedback } from '../../../../server/media/rtp/transport-feedback.ts'
import { parseVp8 } from '../../../../server/media/rtp/vp8-payload.ts'

function forward() {
  let at = 1_000
  const sent: { header: RtpHeader; payload: Buffer }[] = []
  const reports: Buffer[] = []
  const forwarding = createRtpForwarding({
    kind: 'video',
    clockRate: 90_000,
    codec: { main: 96, rtx: 97 },
    ssrc: 7,
    rtxSsrc: 8,
    mid: null,
    outlet: {
      sendRtp: (header, payload) => sent.push({ header, payload }),
      sendRtcp: (packet) => reports.push(packet),
    },
    now: () => at,
    random: (bytes) => Buffer.alloc(bytes, 1),
  })
  return {
    sent,
    reports,
    forwarding,
    pass(sequenceNumber: number, timestamp: number, ssrc = 1) {
      at += 40
      const header = new RtpHeader({ sequenceNumber, timestamp, ssrc, payloadType: 120 })
      const payload = Buffer.from([0x10, sequenceNumber & 0xfe])
      forwarding.forward(new RtpPacket(header, payload), 0, parseVp8(payload) ?? null)
    },
    steps: () =>
      sent.slice(1).map(({ header }, index) => {
        return (header.sequenceNumber - (sent[index]?.header.sequenceNumber ?? 0)) & 0xffff
      }),
  }
}

describe('what a subscriber gets', () => {
  test('goes on without a gap when the source begins anew, and keeps the source’s own gaps', () => {
    const { pass, steps, sent } = forward()
    pass(65_534, 100)
    pass(65_535, 3_700)
    pass(1, 10_900)
    pass(40_000, 5, 2)
    pass(40_001, 3_605, 2)
    expect(steps()).toEqual([1, 2, 1, 1])
    const stamps = sent.map(({ header }) => header.timestamp)
    expect([...stamps].sort((a, b) => a - b)).toEqual(stamps)
    expect(new Set(sent.map(({ header }) => header.payloadType))).toEqual(new Set([96]))
  })

  test('has no gap where it was paused, and nothing late from before', () => {
    const { pass, steps, forwarding } = forward()
    pass(10, 0)
    forwarding.setPaused(true)
    pass(11, 3_600)
    pass(12, 7_200)
    forwarding.setPaused(false)
    pass(13, 10_800)
    pass(9, 0)
    expect(steps()).toEqual([1])
  })

  test('counts past many rounds of the 16 bits', () => {
    const { pass, steps } = forward()
    for (let index = 0; index < 200_000; index += 50) pass(index & 0xffff, index)
    expect(new Set(steps())).toEqual(new Set([50]))
  })

  test('comes again on request, once, as a retransmission that names the original', () => {
    const { pass, sent, forwarding } = forward()
    for (let index = 0; index < 10; index += 1) pass(index, index * 3_600)
    const asked = sent[4]?.header.sequenceNumber ?? 0
    const lost = forwarding.resendable([asked, asked, (asked + 5_000) & 0xffff])
    for (const sequence of lost) forwarding.resend(sequence)
    expect(sent).toHaveLength(11)
    const again = sent[10]
    expect(again?.header.ssrc).toBe(8)
    expect(again?.header.payloadType).toBe(97)
    expect(again?.payload).toEqual(Buffer.from([asked >> 8, asked & 0xff, 0x10, 4]))
  })

  test('has the sender’s clock with its own time stamps', () => {
    const { pass, sent, reports, forwarding } = forward()
    pass(1, 1_000)
    forwarding.forwardSenderReport(123_456_789_012n, 1_900, 1)
    const [report] = RtcpPacketConverter.deSerialize(reports[0] ?? Buffer.alloc(0))
    if (!(report instanceof RtcpSrPacket)) throw new Error('no sender report')
    const first = sent[0]?.header.timestamp ?? 0
    expect(report.senderInfo.ntpTimestamp).toBe(123_456_789_012n)
    expect(report.senderInfo.rtpTimestamp).toBe((first + 900) >>> 0)
    expect(report.senderInfo.packetCount).toBe(1)
  })
})

describe('what has come of a publisher', () => {
  test('is asked for again while it is missing, and taken only once', () => {
    const reception = createRtpReception({ clockRate: 90_000, isAsking: true })
    expect(reception.receive(65_533, 0, 0)).toBe(true)
    expect(reception.receive(2, 0, 10)).toBe(true)
    expect(reception.missing(10 + 100)).toEqual([65_534, 65_535, 0, 1])
    expect(reception.missing(10 + 120)).toEqual([])
    expect(reception.receive(65_535, 0, 150)).toBe(true)
    expect(reception.receive(65_535, 0, 151)).toBe(false)
    expect(reception.receive(2, 0, 152)).toBe(false)
    expect(reception.missing(10 + 250)).toEqual([65_534, 0, 1])
    expect(reception.missing(5_000)).toEqual([])
  })

  test('is reported with its losses and the time since the sender’s clock', () => {
    const reception = createRtpReception({ clockRate: 48_000, isAsking: false })
    for (const sequence of [1, 2, 4, 5]) reception.receive(sequence, sequence * 960, sequence * 20)
    reception.senderReported(0x1234_5678_9abc_def0n, 1_000)
    const report = writeReceiverReport([reception.report(99, 1_500)])
    const [parsed] = RtcpPacketConverter.deSerialize(report)
    if (!(parsed instanceof RtcpRrPacket)) throw new Error('no receiver report')
    expect(parsed.reports[0]).toMatchObject({
      ssrc: 99,
      packetsLost: 1,
      fractionLost: Math.floor(256 / 5),
      highestSequence: 5,
      lsr: 0x5678_9abc,
      dlsr: 32_768,
    })
  })
})

describe('written reports', () => {
  test('counts go round at 32 bits, as after hours of a call', () => {
    const report = writeSenderReport({
      ssrc: 3,
      ntpTimestamp: 5n,
      rtpTimestamp: 6,
      packetCount: 2 ** 32 + 1,
      octetCount: 2 ** 33 + 2,
    })
    const [parsed] = RtcpPacketConverter.deSerialize(report)
    expect(parsed).toMatchObject({ senderInfo: { packetCount: 1, octetCount: 2 } })
  })

  test('a sender that has told nothing of its clock for a day is still reported to', () => {
    const reception = createRtpReception({ clockRate: 48_000, isAsking: false })
    reception.receive(1, 960, 0)
    reception.senderReported(1n, 0)
    const dayMs = 24 * 3_600_000
    const [parsed] = RtcpPacketConverter.deSerialize(
      writeReceiverReport([reception.report(99, dayMs)]),
    )
    if (!(parsed instanceof RtcpRrPacket)) throw new Error('no receiver report')
    expect(parsed.reports[0]?.dlsr).toBe((24 * 3_600 * 65_536) % 2 ** 32)
  })

  test('a negative acknowledgement names just what is missing', () => {
    const lost = [65_530, 65_535, 3, 40, 41]
    const [parsed] = RtcpPacketConverter.deSerialize(writeNack(5, lost))
    if (!(parsed instanceof RtcpTransportLayerFeedback)) throw new Error('no feedback')
    if (!(parsed.feedback instanceof GenericNack)) throw new Error('no nack')
    expect(parsed.feedback.mediaSourceSsrc).toBe(5)
    expect(parsed.feedback.lost.map((sequence) => sequence & 0xffff)).toEqual(lost)
  })

  test('transport feedback says what came and when, across the end of the 16 bits', () => {
    const arrivals = [
      { sequence: 65_534, atUs: 6_400_000 },
      { sequence: 65_535, atUs: 6_401_000 },
      { sequence: 2, atUs: 6_500_000 },
      { sequence: 3, atUs: 6_499_000 },
    ]
    const feedback = writeTransportFeedback(9, 3, arrivals)
    const [parsed] = RtcpPacketConverter.deSerialize(feedback ?? Buffer.alloc(0))
    if (!(parsed instanceof RtcpTransportLayerFeedback)) throw new Error('no feedback')
    if (!(parsed.feedback instanceof TransportWideCC)) throw new Error('no congestion control')
    const { baseSequenceNumber, packetStatusCount, fbPktCount } = parsed.feedback
    expect([baseSequenceNumber, packetStatusCount, fbPktCount]).toEqual([65_534, 6, 3])
    // Two came close together, two not at all, two further apart than a byte can tell.
    expect(parsed.feedback.packetChunks).toMatchObject([
      { packetStatus: 1, runLength: 2 },
      { packetStatus: 0, runLength: 2 },
      { packetStatus: 2, runLength: 2 },
    ])
    const microseconds = parsed.feedback.recvDeltas.map(({ delta }) => delta)
    expect(microseconds).toEqual([0, 1_000, 99_000, -1_000])
  })

  test('a sender’s report survives being read', () => {
    const report = writeSenderReport({
      ssrc: 3,
      ntpTimestamp: 2n ** 63n + 5n,
      rtpTimestamp: 4_000_000_000,
      packetCount: 12,
      octetCount: 3_400,
    })
    const [parsed] = RtcpPacketConverter.deSerialize(report)
    expect(parsed).toMatchObject({ ssrc: 3, senderInfo: { rtpTimestamp: 4_000_000_000 } })
  })
})

test('a voice is loud at once, silent after a moment, and a single click is no voice', () => {
  const loudness = createLoudness()
  const period = (levels: number[]) => {
    for (const level of levels) loudness.add(level)
    return loudness.read()
  }
  expect(period([127, 127, 10, 127, 127])).toEqual({ level: 0, isActive: false })
  expect(period([12, 14, 13, 50, 12]).isActive).toBe(true)
  expect(period([127, 127, 127])).toMatchObject({ isActive: true })
  expect(period([])).toMatchObject({ isActive: true })
  expect(period([])).toEqual({ level: 0, isActive: false })
})
