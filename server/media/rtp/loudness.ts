/** How loud a microphone is, from the level that its client writes on each packet. */

export interface Loudness {
  /** 0 is as loud as can be, 127 silence; may be called for every packet. */
  add(dBov: number): void
  /** Ends a period; the level is between 0 and 1, in eighths, as LiveKit has it. */
  read(): { level: number; isActive: boolean }
}

/** Quieter than this is no speech. */
const thresholdDBov = 35
/** Of a period's packets. */
const activeShare = 0.4
/** How much of the new level counts at once. */
const attack = 0.6
/** Periods of silence after which somebody has stopped. */
const holdPeriods = 3

export function createLoudness(): Loudness {
  let packets = 0
  let loudPackets = 0
  let loudest = 127
  let level = 0
  let quietPeriods = holdPeriods

  return {
    add(dBov) {
      packets += 1
      if (dBov <= thresholdDBov) loudPackets += 1
      loudest = Math.min(loudest, dBov)
    },
    read() {
      const isLoud = packets > 0 && loudPackets / packets >= activeShare
      quietPeriods = isLoud ? 0 : Math.min(holdPeriods, quietPeriods + 1)
      const target = isLoud ? 10 ** (-loudest / 20) : 0
      level += (target - level) * attack
      packets = 0
      loudPackets = 0
      loudest = 127
      if (quietPeriods >= holdPeriods) level = 0
      const isActive = quietPeriods < holdPeriods
      return { level: isActive ? Math.ceil(Math.min(1, level) * 8) / 8 : 0, isActive }
    },
  }
}
