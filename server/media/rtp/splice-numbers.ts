/**
 * Sequence numbers and time stamps of one forwarded stream: they go on without a gap whatever the source
 * does, and whatever of it is left out.
 */
import type { RtpHeader } from 'werift'

export interface SpliceNumbers {
  readonly timestamp: number
  isOf(header: Pick<RtpHeader, 'ssrc'>): boolean
  /** The next packet begins anew, whatever its numbers are. */
  cut(): void
  /** Null: from before the beginning; its number is taken. */
  place(header: NumberedHeader): { sequence: number; timestamp: number } | null
  /** This packet does not go on, and leaves no gap. */
  skip(header: NumberedHeader): void
  /** Null for another source. */
  timestampOf(ssrc: number, timestamp: number): number | null
}

type NumberedHeader = Pick<RtpHeader, 'ssrc' | 'sequenceNumber' | 'timestamp'>

/** A late packet belongs where the offset was another one. */
const offsetsKnown = 256

export function createSpliceNumbers({
  clockRate,
  now,
  random,
}: {
  clockRate: number
  now(): number
  random(bytes: number): Buffer
}): SpliceNumbers {
  let source: {
    ssrc: number
    base: number
    highest: number
    timestampOffset: number
    /** From that number of the source on. */
    offsets: { from: number; offset: number }[]
  } | null = null
  let last: { sequence: number; timestamp: number; at: number } = {
    // Far from where 16 bits end, so that nobody loses count in the first second.
    sequence: random(2).readUInt16BE() & 0x3fff,
    timestamp: random(4).readUInt32BE(),
    at: now(),
  }

  function splice({ ssrc, sequenceNumber, timestamp }: NumberedHeader): NonNullable<typeof source> {
    const elapsed = Math.max(1, Math.round(((now() - last.at) * clockRate) / 1000))
    return {
      ssrc,
      base: sequenceNumber,
      highest: (sequenceNumber - 1) & 0xffff,
      timestampOffset: last.timestamp + elapsed - timestamp,
      offsets: [{ from: sequenceNumber, offset: last.sequence + 1 - sequenceNumber }],
    }
  }

  return {
    get timestamp() {
      return last.timestamp
    },
    isOf: ({ ssrc }) => source?.ssrc === ssrc,
    cut() {
      source = null
    },
    place(header) {
      const { ssrc, sequenceNumber } = header
      if (source?.ssrc !== ssrc) source = splice(header)
      const age = (sequenceNumber - source.base) & 0xffff
      if (age > 0xc000) return null
      // The source may go round its 16 bits any number of times; only its start is special.
      if (age > 0x4000) source.base = (sequenceNumber - 0x2000) & 0xffff
      const { offsets } = source
      const isLate = !isAhead(sequenceNumber, source.highest)
      if (!isLate) source.highest = sequenceNumber
      const place = isLate
        ? offsets.findLast(({ from }) => !isAhead(from, sequenceNumber))
        : offsets.at(-1)
      if (!place) return null
      const sequence = (sequenceNumber + place.offset) & 0xffff
      const timestamp = (header.timestamp + source.timestampOffset) >>> 0
      if (isAhead(sequence, last.sequence)) last = { sequence, timestamp, at: now() }
      return { sequence, timestamp }
    },
    skip({ ssrc, sequenceNumber }) {
      if (source?.ssrc !== ssrc || !isAhead(sequenceNumber, source.highest)) return
      source.highest = sequenceNumber
      const { offsets } = source
      const offset = (offsets.at(-1)?.offset ?? 0) - 1
      offsets.push({ from: (sequenceNumber + 1) & 0xffff, offset })
      if (offsets.length > offsetsKnown) offsets.shift()
    },
    timestampOf(ssrc, timestamp) {
      return source?.ssrc === ssrc ? (timestamp + source.timestampOffset) >>> 0 : null
    },
  }
}

function isAhead(a: number, b: number): boolean {
  const distance = (a - b) & 0xffff
  return distance > 0 && distance < 0x8000
}
