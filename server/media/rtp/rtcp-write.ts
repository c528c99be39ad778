/** The RTCP packets that the media server writes (RFC 3550, 4585). */
import {
  GenericNack,
  PictureLossIndication,
  RtcpHeader,
  RtcpPayloadSpecificFeedback,
  RtcpRrPacket,
  RtcpSenderInfo,
  RtcpSrPacket,
  RtcpTransportLayerFeedback,
  type RtcpReceiverInfo,
} from 'werift'

/** As many as the header can count. */
const maxReports = 31

export function writePictureLoss(mediaSsrc: number): Buffer {
  const feedback = new PictureLossIndication({ senderSsrc: mediaSsrc, mediaSsrc })
  return new RtcpPayloadSpecificFeedback({ feedback }).serialize()
}

/** Counts go round at 32 bits, after some hours of a picture. */
export function writeSenderReport(report: {
  ssrc: number
  ntpTimestamp: bigint
  rtpTimestamp: number
  packetCount: number
  octetCount: number
}): Buffer {
  const { ssrc, ntpTimestamp, rtpTimestamp } = report
  const packetCount = report.packetCount >>> 0
  const octetCount = report.octetCount >>> 0
  const senderInfo = new RtcpSenderInfo({ ntpTimestamp, rtpTimestamp, packetCount, octetCount })
  return new RtcpSrPacket({ ssrc, senderInfo }).serialize()
}

export function writeReceiverReport(reports: readonly RtcpReceiverInfo[]): Buffer {
  return new RtcpRrPacket({ ssrc: 1, reports: reports.slice(0, maxReports) }).serialize()
}

/** Up to 17 sequence numbers go into one word, also over the end of their 16 bits (werift’s does not). */
export function writeNack(mediaSsrc: number, lost: readonly number[]): Buffer {
  const pairs: number[] = []
  const sorted = [...lost]
  while (sorted.length > 0) {
    const first = sorted.shift() ?? 0
    let mask = 0
    while (sorted[0] !== undefined) {
      const distance = (sorted[0] - first) & 0xffff
      if (distance < 1 || distance > 16) break
      mask |= 1 << (distance - 1)
      sorted.shift()
    }
    pairs.push(((first << 16) | mask) >>> 0)
  }
  return toFeedback(GenericNack.count, mediaSsrc, toWords(pairs))
}

/** Of the transport layer, about one stream: the words behind its number. */
export function toFeedback(kind: number, mediaSsrc: number, body: Buffer): Buffer {
  const payload = Buffer.concat([toWords([mediaSsrc, mediaSsrc]), body])
  return RtcpHeader.serialize(RtcpTransportLayerFeedback.type, kind, payload, payload.length / 4)
}

function toWords(values: readonly number[]): Buffer {
  const words = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => words.writeUInt32BE(value, index * 4))
  return words
}
