/**
 * How much one client’s line takes, from what the client says of the arrival of our packets: a queue that
 * stays, or losses, say that it was too much; more is believed only after it was tried.
 */
import type { PacketFate } from './transport-feedback.ts'

export interface BandwidthEstimate {
  /** Bits a second. */
  readonly bitrate: number
  /** False of a client that reports nothing although it has got something: nothing is held back then. */
  hasFeedback(at: number): boolean
  /** It was too much not long ago. */
  isCongested(at: number): boolean
  /** While probing whether there is more: what is to go out in all, if need be with padding. */
  readonly probeRate: number | null
  packetSent(sequence: number, bytes: number, at: number): void
  feedbackReceived(fates: readonly PacketFate[], at: number): void
  /** `wanted`: what would be sent if there was room. */
  tick(at: number, wanted: number): void
}

export const minBitrate = 30_000
const maxBitrate = 10_000_000
/** Little enough for a slow line; a fast one is found in a second. */
const firstBitrate = 300_000
const history = 8_192
/** Packets wait so long on the way although the line has had time to empty. */
const standingQueueMs = 80
const deepQueueMs = 250
const queueWindowMs = 300
const rateWindowMs = 500
const lossWindowMs = 1_000
const tooLossy = 0.1
const decreaseEveryMs = 400
const growthPerSecond = { free: 0.08, nearLimit: 0.015 }
/** So long the line is believed to be as narrow as it was. */
const limitMs = 60_000
const calmMs = 1_000
const tightMs = 10_000
const silenceMs = 1_500
/** The fastest way of a packet is looked for anew in periods of this length: clocks drift, routes change. */
const basePeriodMs = 15_000
const stuckMs = 2_000

const probeMs = 300
const probeAnswerMs = 300
const probeStep = 1.6
/** So long a client may take before its first word. */
const firstFeedbackMs = 5_000
const firstPauseMs = 2_000
const maxPauseMs = 40_000

interface Sent {
  sequence: number
  bytes: number
  at: number
  isReported: boolean
}

interface Probe {
  rate: number
  from: number
  until: number
  sentBytes: number
  /** Of those that arrived, on the client’s clock. */
  arrivals: { atMs: number; bytes: number; delay: number }[]
}

export function createBandwidthEstimate(): BandwidthEstimate {
  const sentPackets: (Sent | undefined)[] = new Array<Sent | undefined>(history)
  let bitrate = firstBitrate
  let isReporting = false
  let firstSentAt: number | null = null
  let recent: { at: number; bytes: number; delay: number | null; arrivedAt: number | null }[] = []
  let outgoing: { at: number; bytes: number }[] = []
  let baseDelay = { since: 0, now: Infinity, before: Infinity }
  let congestedAt: number | null = null
  let decreasedAt = -Infinity
  /** What came through when it was too much. */
  let limit: { bitrate: number; at: number } | null = null
  let feedbackAt = 0
  let sentSinceFeedback = 0
  let tickedAt: number | null = null
  let stuck: { since: number; queue: number } | null = null
  let probe: Probe | null = null
  let nextProbe = { at: 0, pauseMs: firstPauseMs }
  let probedUntil = -Infinity

  const fastest = () => Math.min(baseDelay.now, baseDelay.before)

  function standingQueue(at: number): number {
    const delays = recent.filter((one) => one.delay !== null && at - one.at <= queueWindowMs)
    if (delays.length < 3) return 0
    return Math.min(...delays.map(({ delay }) => delay ?? Infinity)) - fastest()
  }

  function lossShare(): number {
    if (recent.length < 20) return 0
    return recent.filter(({ delay }) => delay === null).length / recent.length
  }

  /** Bits a second, by the client’s clock. */
  function arrivalRate(at: number): number {
    const came = recent.filter((one) => one.arrivedAt !== null && at - one.at <= rateWindowMs)
    const times = came.map(({ arrivedAt }) => arrivedAt ?? 0)
    const span = Math.max(rateWindowMs / 2, Math.max(...times) - Math.min(...times))
    return came.length === 0 ? 0 : (came.reduce((sum, { bytes }) => sum + bytes, 0) * 8_000) / span
  }

  function sendRate(): number {
    return (outgoing.reduce((sum, { bytes }) => sum + bytes, 0) * 8_000) / rateWindowMs
  }

  function updateBaseDelay(delay: number, at: number): void {
    if (at - baseDelay.since > basePeriodMs || at < baseDelay.since)
      baseDelay = { since: at, before: baseDelay.now, now: delay }
    baseDelay.now = Math.min(baseDelay.now, delay)
  }

  function decrease(to: number, at: number): void {
    bitrate = Math.max(minBitrate, Math.min(bitrate, to))
    decreasedAt = at
    congestedAt = at
    if (probe || at - probedUntil < calmMs)
      nextProbe.pauseMs = Math.min(maxPauseMs, nextProbe.pauseMs * 2)
    probe = null
    probedUntil = -Infinity
    nextProbe.at = at + nextProbe.pauseMs
  }

  function detectCongestion(at: number): void {
    const queue = standingQueue(at)
    const loss = lossShare()
    if (queue <= standingQueueMs && loss <= tooLossy) {
      stuck = null
      return
    }
    congestedAt = at
    // A longer way looks like a queue, but does not change when less is sent.
    if (!stuck || Math.abs(queue - stuck.queue) > 15 || loss > 0.01) stuck = { since: at, queue }
    else if (at - stuck.since > stuckMs) {
      baseDelay = { since: at, before: Infinity, now: fastest() + queue }
      stuck = null
      return
    }
    if (at - decreasedAt < decreaseEveryMs) return
    const rate = arrivalRate(at)
    limit = { bitrate: rate, at }
    if (queue > standingQueueMs) decrease((queue > deepQueueMs ? 0.7 : 0.85) * rate, at)
    else decrease(loss > 0.3 ? 0.9 * rate : bitrate * (1 - loss / 2), at)
  }

  function growth(at: number): number {
    const isNear = limit && at - limit.at < limitMs && bitrate > 0.85 * limit.bitrate
    return isNear ? growthPerSecond.nearLimit : growthPerSecond.free
  }

  /** It is too much already. */
  function isQueueGrowing({ arrivals }: Probe): boolean {
    const last = arrivals.slice(-3)
    return last.length === 3 && last.every(({ delay }) => delay - fastest() > standingQueueMs)
  }

  function concludeProbe({ rate, from, until, sentBytes, arrivals }: Probe, at: number): void {
    const times = arrivals.map(({ atMs }) => atMs)
    const bytes = arrivals.reduce((sum, one) => sum + one.bytes, 0)
    const sentRate = (sentBytes * 8_000) / Math.max(1, until - from)
    const span = Math.max(until - from, 1, Math.max(...times) - Math.min(...times))
    const cameRate = (bytes * 8_000) / span
    const last = arrivals.slice(-5).map(({ delay }) => delay)
    const queue = last.length === 0 ? 0 : Math.min(...last) - fastest()
    if (sentRate < 0.7 * rate) {
      // Not tried in earnest: there was nothing to fill up with.
      bitrate = Math.min(maxBitrate, bitrate * 1.05)
      nextProbe.at = at + probeMs
    } else if (cameRate >= 0.85 * sentRate && queue < standingQueueMs) {
      bitrate = Math.min(maxBitrate, Math.max(bitrate, Math.min(rate, sentRate, cameRate)))
      nextProbe = { at, pauseMs: Math.max(firstPauseMs, nextProbe.pauseMs / 2) }
    } else {
      nextProbe.pauseMs = Math.min(maxPauseMs, nextProbe.pauseMs * 2)
      nextProbe.at = at + nextProbe.pauseMs
      congestedAt ??= at
    }
  }

  return {
    get bitrate() {
      return bitrate
    },
    hasFeedback: (at) => isReporting || firstSentAt === null || at - firstSentAt < firstFeedbackMs,
    isCongested: (at) => congestedAt !== null && at - congestedAt < tightMs,
    get probeRate() {
      return probe && tickedAt !== null && tickedAt < probe.until ? probe.rate : null
    },
    packetSent(sequence, bytes, at) {
      sentPackets[sequence % history] = { sequence, bytes, at, isReported: false }
      firstSentAt ??= at
      outgoing.push({ at, bytes })
      sentSinceFeedback += 1
      if (probe && at < probe.until) probe.sentBytes += bytes
    },
    feedbackReceived(fates, at) {
      isReporting = true
      feedbackAt = at
      sentSinceFeedback = 0
      for (const { sequence, arrivedAtMs } of fates) {
        const packet = sentPackets[sequence % history]
        // What was lost at first may be told as arrived later.
        if (packet?.sequence !== sequence || packet.isReported) continue
        packet.isReported = true
        const delay = arrivedAtMs === null ? null : arrivedAtMs - packet.at
        recent.push({ at, bytes: packet.bytes, delay, arrivedAt: arrivedAtMs })
        if (delay === null || arrivedAtMs === null) continue
        updateBaseDelay(delay, at)
        if (probe && packet.at >= probe.from && packet.at < probe.until)
          probe.arrivals.push({ atMs: arrivedAtMs, bytes: packet.bytes, delay })
      }
      if (probe && at < probe.until && isQueueGrowing(probe)) probe.until = at
      recent = recent.filter((one) => at - one.at <= lossWindowMs)
      detectCongestion(at)
    },
    tick(at, wanted) {
      const elapsed = tickedAt === null ? 0 : Math.max(0, Math.min(1, (at - tickedAt) / 1000))
      tickedAt = at
      outgoing = outgoing.filter((one) => at - one.at <= rateWindowMs && one.at <= at)
      if (!isReporting) return
      if (sentSinceFeedback > 10 && at - feedbackAt > silenceMs) {
        if (at - decreasedAt >= calmMs) decrease(bitrate / 2, at)
        return
      }
      const isCalm = congestedAt === null || at - congestedAt >= calmMs
      if (probe) {
        if (at < probe.until + probeAnswerMs) return
        const done = probe
        probe = null
        probedUntil = at
        concludeProbe(done, at)
      }
      if (!isCalm) return
      if (sendRate() > 0.8 * bitrate)
        bitrate = Math.min(maxBitrate, bitrate * (1 + growth(at) * elapsed))
      if (wanted > bitrate && at >= nextProbe.at) {
        const rate = Math.min(bitrate * probeStep, wanted * 1.1)
        probe = { rate, from: at, until: at + probeMs, sentBytes: 0, arrivals: [] }
      }
    },
  }
}
