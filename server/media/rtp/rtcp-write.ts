/** The RTCP packets that the media server writes (RFC 3550, 4585; transport-wide congestion control). */

const senderReport = 200
const receiverReport = 201
const transportFeedback = 205
const payloadFeedback = 206

export interface Reception {
  ssrc: number
  /** Of 256. */
  fractionLost: number
  packetsLost: number
  highestSequence: number
  jitter: number
  lastSenderReport: number
  /** In 1/65536 s. */
  delaySinceSenderReport: number
}

export function writePictureLoss(mediaSsrc: number): Buffer {
  return packet(1, payloadFeedback, words(mediaSsrc, mediaSsrc))
}

/** Up to 17 sequence numbers go into one word. */
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
  return packet(1, transportFeedback, words(mediaSsrc, mediaSsrc, ...pairs))
}

export function writeSenderReport(report: {
  ssrc: number
  ntpTimestamp: bigint
  rtpTimestamp: number
  packetCount: number
  octetCount: number
}): Buffer {
  const { ssrc, ntpTimestamp, rtpTimestamp, packetCount, octetCount } = report
  const ntp = [Number(ntpTimestamp >> 32n), Number(ntpTimestamp & 0xffffffffn)]
  return packet(
    0,
    senderReport,
    words(ssrc, ...ntp, rtpTimestamp, packetCount >>> 0, octetCount >>> 0),
  )
}

export function writeReceiverReport(receptions: readonly Reception[]): Buffer {
  const few = receptions.slice(0, 31)
  const blocks = few.flatMap((reception) => [
    reception.ssrc,
    ((reception.fractionLost & 0xff) << 24) | (reception.packetsLost & 0xffffff),
    reception.highestSequence,
    reception.jitter,
    reception.lastSenderReport,
    reception.delaySinceSenderReport,
  ])
  return packet(few.length, receiverReport, words(1, ...blocks))
}

export interface Arrival {
  /** Of the transport-wide extension, 16 bits. */
  sequence: number
  /** Microseconds of a monotonic clock. */
  atUs: number
}

const tickUs = 250
const maxRun = 0x1fff

/** Arrivals in order of their numbers, without doubles, all within 2^15 of each other. */
export function writeTransportFeedback(
  mediaSsrc: number,
  feedbackCount: number,
  arrivals: readonly Arrival[],
): Buffer | null {
  const [first] = arrivals
  const last = arrivals.at(-1)
  if (!first || !last) return null
  const referenceTicks = Math.floor(first.atUs / 64_000)
  let atTicks = (referenceTicks * 64_000) / tickUs
  const symbols: number[] = []
  const deltas: number[] = []
  let expected = first.sequence
  for (const { sequence, atUs } of arrivals) {
    for (; expected !== sequence; expected = (expected + 1) & 0xffff) symbols.push(0)
    const delta = Math.round(atUs / tickUs) - atTicks
    // Further apart than the format can tell: the sender is told with the next one.
    if (delta < -0x8000 || delta > 0x7fff) break
    atTicks += delta
    if (delta >= 0 && delta <= 0xff) {
      symbols.push(1)
      deltas.push(delta)
    } else {
      symbols.push(2)
      deltas.push((delta >> 8) & 0xff, delta & 0xff)
    }
    expected = (expected + 1) & 0xffff
  }
  const chunks: number[] = []
  for (let at = 0; at < symbols.length;) {
    const symbol = symbols[at] ?? 0
    let run = 1
    while (symbols[at + run] === symbol && run < maxRun) run += 1
    const chunk = (symbol << 13) | run
    chunks.push(chunk >> 8, chunk & 0xff)
    at += run
  }
  const head = Buffer.alloc(8)
  head.writeUInt16BE(first.sequence, 0)
  head.writeUInt16BE(symbols.length, 2)
  head.writeUIntBE(referenceTicks & 0xffffff, 4, 3)
  head.writeUInt8(feedbackCount & 0xff, 7)
  const body = [...chunks, ...deltas]
  const padding = (4 - (body.length % 4)) % 4
  return packet(
    15,
    transportFeedback,
    Buffer.concat([words(mediaSsrc, mediaSsrc), head, Buffer.from(body), Buffer.alloc(padding)]),
  )
}

function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => buffer.writeUInt32BE(value >>> 0, index * 4))
  return buffer
}

function packet(count: number, type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt8(0x80 | count, 0)
  head.writeUInt8(type, 1)
  head.writeUInt16BE(body.length / 4, 2)
  return Buffer.concat([head, body])
}
