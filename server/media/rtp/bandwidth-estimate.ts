/**
 * How much one client’s line takes, from what the client says of the arrival of our packets: a queue that
 * stays, or losses, say that it was too much; more is believed only after it was tried.
 */
import type { PacketFate } from './transport-feedback.ts'

export interface LineEstimate {
  /** Bits a second. */
  readonly bitrate: number
  /** False of a client that tells of nothing although it has got something: nothing is held back then. */
  isTelling(at: number): boolean
  /** It was too much not long ago. */
  isTight(at: number): boolean
  /** While trying whether there is more: what is to go out in all, if need be with padding. */
  readonly tryRate: number | null
  sent(sequence: number, bytes: number, at: number): void
  heard(fates: readonly PacketFate[], at: number): void
  /** `wanted`: what would be sent if there was room. */
  tick(at: number, wanted: number): void
}

export const leastBitrate = 30_000
const mostBitrate = 10_000_000
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

const tryMs = 300
const tryAnswerMs = 300
const tryStep = 1.6
/** So long a client may take before its first word. */
const firstWordMs = 5_000
const firstPauseMs = 2_000
const longestPauseMs = 40_000

interface Sent {
  sequence: number
  bytes: number
  at: number
  isTold: boolean
}

interface Trial {
  rate: number
  from: number
  until: number
  sentBytes: number
  /** Of those that arrived, on the client’s clock. */
  arrivals: { atMs: number; bytes: number; delay: number }[]
}

export function createLineEstimate(): LineEstimate {
  const sents: (Sent | undefined)[] = new Array<Sent | undefined>(history)
  let bitrate = firstBitrate
  let isKnown = false
  let firstSentAt: number | null = null
  let recent: { at: number; bytes: number; delay: number | null; arrivedAt: number | null }[] = []
  let outgoing: { at: number; bytes: number }[] = []
  let base = { since: 0, now: Infinity, before: Infinity }
  let congestedAt: number | null = null
  let decreasedAt = -Infinity
  /** What came through when it was too much. */
  let limit: { bitrate: number; at: number } | null = null
  let heardAt = 0
  let sentSinceHeard = 0
  let tickedAt: number | null = null
  let stuck: { since: number; queue: number } | null = null
  let trial: Trial | null = null
  let tryAgain = { at: 0, pauseMs: firstPauseMs }
  let triedUntil = -Infinity

  const fastest = () => Math.min(base.now, base.before)

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

  function remember(delay: number, at: number): void {
    if (at - base.since > basePeriodMs || at < base.since)
      base = { since: at, before: base.now, now: delay }
    base.now = Math.min(base.now, delay)
  }

  function decrease(to: number, at: number): void {
    bitrate = Math.max(leastBitrate, Math.min(bitrate, to))
    decreasedAt = at
    congestedAt = at
    if (trial || at - triedUntil < calmMs)
      tryAgain.pauseMs = Math.min(longestPauseMs, tryAgain.pauseMs * 2)
    trial = null
    triedUntil = -Infinity
    tryAgain.at = at + tryAgain.pauseMs
  }

  function look(at: number): void {
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
      base = { since: at, before: Infinity, now: fastest() + queue }
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
  function isFilling({ arrivals }: Trial): boolean {
    const last = arrivals.slice(-3)
    return last.length === 3 && last.every(({ delay }) => delay - fastest() > standingQueueMs)
  }

  function judge({ rate, from, until, sentBytes, arrivals }: Trial, at: number): void {
    const times = arrivals.map(({ atMs }) => atMs)
    const bytes = arrivals.reduce((sum, one) => sum + one.bytes, 0)
    const sentRate = (sentBytes * 8_000) / Math.max(1, until - from)
    const span = Math.max(until - from, 1, Math.max(...times) - Math.min(...times))
    const cameRate = (bytes * 8_000) / span
    const last = arrivals.slice(-5).map(({ delay }) => delay)
    const queue = last.length === 0 ? 0 : Math.min(...last) - fastest()
    if (sentRate < 0.7 * rate) {
      // Not tried in earnest: there was nothing to fill up with.
      bitrate = Math.min(mostBitrate, bitrate * 1.05)
      tryAgain.at = at + tryMs
    } else if (cameRate >= 0.85 * sentRate && queue < standingQueueMs) {
      bitrate = Math.min(mostBitrate, Math.max(bitrate, Math.min(rate, sentRate, cameRate)))
      tryAgain = { at, pauseMs: Math.max(firstPauseMs, tryAgain.pauseMs / 2) }
    } else {
      tryAgain.pauseMs = Math.min(longestPauseMs, tryAgain.pauseMs * 2)
      tryAgain.at = at + tryAgain.pauseMs
      congestedAt ??= at
    }
  }

  return {
    get bitrate() {
      return bitrate
    },
    isTelling: (at) => isKnown || firstSentAt === null || at - firstSentAt < firstWordMs,
    isTight: (at) => congestedAt !== null && at - congestedAt < tightMs,
    get tryRate() {
      return trial && tickedAt !== null && tickedAt < trial.until ? trial.rate : null
    },
    sent(sequence, bytes, at) {
      sents[sequence % history] = { sequence, bytes, at, isTold: false }
      firstSentAt ??= at
      outgoing.push({ at, bytes })
      sentSinceHeard += 1
      if (trial && at < trial.until) trial.sentBytes += bytes
    },
    heard(fates, at) {
      isKnown = true
      heardAt = at
      sentSinceHeard = 0
      for (const { sequence, arrivedAtMs } of fates) {
        const packet = sents[sequence % history]
        // What was lost at first may be told as arrived later.
        if (packet?.sequence !== sequence || packet.isTold) continue
        packet.isTold = true
        const delay = arrivedAtMs === null ? null : arrivedAtMs - packet.at
        recent.push({ at, bytes: packet.bytes, delay, arrivedAt: arrivedAtMs })
        if (delay === null || arrivedAtMs === null) continue
        remember(delay, at)
        if (trial && packet.at >= trial.from && packet.at < trial.until)
          trial.arrivals.push({ atMs: arrivedAtMs, bytes: packet.bytes, delay })
      }
      if (trial && at < trial.until && isFilling(trial)) trial.until = at
      recent = recent.filter((one) => at - one.at <= lossWindowMs)
      look(at)
    },
    tick(at, wanted) {
      const elapsed = tickedAt === null ? 0 : Math.max(0, Math.min(1, (at - tickedAt) / 1000))
      tickedAt = at
      outgoing = outgoing.filter((one) => at - one.at <= rateWindowMs && one.at <= at)
      if (!isKnown) return
      if (sentSinceHeard > 10 && at - heardAt > silenceMs) {
        if (at - decreasedAt >= calmMs) decrease(bitrate / 2, at)
        return
      }
      const isCalm = congestedAt === null || at - congestedAt >= calmMs
      if (trial) {
        if (at < trial.until + tryAnswerMs) return
        const done = trial
        trial = null
        triedUntil = at
        judge(done, at)
      }
      if (!isCalm) return
      if (sendRate() > 0.8 * bitrate)
        bitrate = Math.min(mostBitrate, bitrate * (1 + growth(at) * elapsed))
      if (wanted > bitrate && at >= tryAgain.at) {
        const rate = Math.min(bitrate * tryStep, wanted * 1.1)
        trial = { rate, from: at, until: at + tryMs, sentBytes: 0, arrivals: [] }
      }
    },
  }
}
