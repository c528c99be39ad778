/** How packets arrived, as each side tells the other: transport-wide congestion control. */
import { StatusVectorChunk, TransportWideCC } from 'werift'
import { toFeedback } from './rtcp-write.ts'

export interface PacketFate {
  /** 16 bits, as in the extension of the packet. */
  sequence: number
  /** On the client’s clock; null: it has not come. */
  arrivedAtMs: number | null
}

/** werift’s `packetResults` know only one of the two kinds of chunks. */
export function readTransportFeedback(feedback: TransportWideCC): PacketFate[] {
  const { baseSequenceNumber, packetStatusCount, referenceTime, packetChunks } = feedback
  const deltas = feedback.recvDeltas.values()
  const fates: PacketFate[] = []
  let atUs = referenceTime * 64_000
  const addFate = (status: number) => {
    if (fates.length >= packetStatusCount) return
    const sequence = (baseSequenceNumber + fates.length) & 0xffff
    const delta = status === 1 || status === 2 ? deltas.next().value?.delta : undefined
    if (delta !== undefined) atUs += delta
    fates.push({ sequence, arrivedAtMs: delta === undefined ? null : atUs / 1000 })
  }
  for (const chunk of packetChunks) {
    if (chunk instanceof StatusVectorChunk) chunk.symbolList.forEach(addFate)
    else for (let step = 0; step < chunk.runLength; step += 1) addFate(chunk.packetStatus)
  }
  return fates
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
  // Zeros behind it: werift’s own writing either forgets them or counts them as padding.
  const whole = Buffer.concat([head, Buffer.from(body), Buffer.alloc(padding)])
  return toFeedback(TransportWideCC.count, mediaSsrc, whole)
}
