/** Reads what a client says of the arrival of our packets (transport-wide congestion control). */
import { StatusVectorChunk, type TransportWideCC } from 'werift'

export interface PacketFate {
  /** 16 bits, as in the extension of the packet. */
  sequence: number
  /** On the client’s clock; null: it has not come. */
  arrivedAtMs: number | null
}

/** werift’s own reading knows only one of the two kinds of chunks. */
export function readTransportFeedback(feedback: TransportWideCC): PacketFate[] {
  const { baseSequenceNumber, packetStatusCount, referenceTime, packetChunks } = feedback
  const deltas = feedback.recvDeltas.values()
  const fates: PacketFate[] = []
  let atUs = referenceTime * 64_000
  const take = (status: number) => {
    if (fates.length >= packetStatusCount) return
    const sequence = (baseSequenceNumber + fates.length) & 0xffff
    const delta = status === 1 || status === 2 ? deltas.next().value?.delta : undefined
    if (delta !== undefined) atUs += delta
    fates.push({ sequence, arrivedAtMs: delta === undefined ? null : atUs / 1000 })
  }
  for (const chunk of packetChunks) {
    if (chunk instanceof StatusVectorChunk) chunk.symbolList.forEach(take)
    else for (let step = 0; step < chunk.runLength; step += 1) take(chunk.packetStatus)
  }
  return fates
}
