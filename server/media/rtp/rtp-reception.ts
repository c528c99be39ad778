/** What has come of one RTP stream and what is missing: for the sender's reports and for asking again. */
import { RtcpReceiverInfo } from 'werift'

export interface RtpReception {
  /** True for a packet that was not here before, as far as is known. */
  receive(sequence: number, timestamp: number, at: number): boolean
  /** Sequence numbers to ask for now. */
  missing(at: number): number[]
  senderReported(ntpTimestamp: bigint, at: number): void
  report(ssrc: number, at: number): RtcpReceiverInfo
}

/** A jump further than this is a new start, not a loss. */
const maxGap = 300
const maxAsks = 8
const askAgainMs = 100
const giveUpMs = 1_000

export function createRtpReception({
  clockRate,
  isAsking,
}: {
  clockRate: number
  isAsking: boolean
}): RtpReception {
  const lost = new Map<number, { since: number; askedAt: number; asks: number }>()
  let highest: number | null = null
  let cycles = 0
  let base = 0
  let received = 0
  let jitter = 0
  let lastTransit: number | null = null
  let reported = { expected: 0, received: 0 }
  let senderReport: { middle: number; at: number } | null = null

  function begin(sequence: number): void {
    lost.clear()
    highest = sequence
    cycles = 0
    base = sequence
    received = 1
    reported = { expected: 0, received: 0 }
  }

  return {
    receive(sequence, timestamp, at) {
      const transit = (at * clockRate) / 1000 - timestamp
      if (lastTransit !== null) {
        const change = Math.abs(transit - lastTransit)
        if (change < clockRate) jitter += (change - jitter) / 16
      }
      lastTransit = transit
      if (highest === null) {
        begin(sequence)
        return true
      }
      const ahead = (sequence - highest) & 0xffff
      if (ahead === 0) return false
      if (ahead > 0x8000) {
        const isNews = lost.delete(sequence)
        if (isNews) received += 1
        // Not known as lost: late, or here already.
        return isNews || !isAsking
      }
      if (ahead > maxGap) {
        begin(sequence)
        return true
      }
      if (isAsking) {
        for (let step = 1; step < ahead; step += 1)
          lost.set((highest + step) & 0xffff, { since: at, askedAt: 0, asks: 0 })
      }
      if (sequence < highest) cycles += 0x10000
      highest = sequence
      received += 1
      return true
    },
    missing(at) {
      const wanted: number[] = []
      for (const [sequence, ask] of lost) {
        if (at - ask.since > giveUpMs || ask.asks >= maxAsks) {
          lost.delete(sequence)
        } else if (at - ask.askedAt >= askAgainMs) {
          ask.askedAt = at
          ask.asks += 1
          wanted.push(sequence)
        }
      }
      return wanted
    },
    senderReported(ntpTimestamp, at) {
      senderReport = { middle: Number((ntpTimestamp >> 16n) & 0xffffffffn), at }
    },
    report(ssrc, at) {
      const extended = cycles + (highest ?? 0)
      const expected = highest === null ? 0 : extended - base + 1
      const interval = {
        expected: expected - reported.expected,
        received: received - reported.received,
      }
      reported = { expected, received }
      const gone = Math.max(0, interval.expected - interval.received)
      const delay = senderReport ? Math.round(((at - senderReport.at) * 65_536) / 1000) : 0
      return new RtcpReceiverInfo({
        ssrc,
        fractionLost: interval.expected > 0 ? Math.min(255, (gone * 256) / interval.expected) : 0,
        packetsLost: Math.max(0, expected - received) & 0xffffff,
        highestSequence: extended >>> 0,
        jitter: Math.round(jitter) >>> 0,
        lsr: senderReport?.middle ?? 0,
        dlsr: delay >>> 0,
      })
    },
  }
}
