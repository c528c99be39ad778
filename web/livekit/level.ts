/** How a voice's loudness becomes the 0…1 that the rings show. Pure. */

const floorDb = -55
const ceilingDb = -15
const attackMs = 60
const releaseMs = 260
/** Below this it is silence: nothing is drawn, nothing is written again. */
const silence = 0.04

/** Root mean square of samples between −1 and 1. */
export function rmsOf(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  return samples.length === 0 ? 0 : Math.sqrt(sum / samples.length)
}

/** −55 dBFS and less is 0, −15 dBFS and more is 1. */
export function levelOfRms(rms: number): number {
  if (rms <= 0) return 0
  const db = 20 * Math.log10(rms)
  return Math.min(1, Math.max(0, (db - floorDb) / (ceilingDb - floorDb)))
}

/** One step towards `target`: quick up, slow down, 0 when it is too quiet to matter. */
export function smooth(level: number, target: number, elapsedMs: number): number {
  const timeMs = target > level ? attackMs : releaseMs
  const next = level + (target - level) * (1 - Math.exp(-elapsedMs / timeMs))
  return next < silence && target < silence ? 0 : next
}

const speaksFrom = 0.08
const silentAfterMs = 400

export interface Speech {
  speaking: boolean
  quietSince: number | null
}

/** Speaks from .08 on, and no more after 400 ms below it. */
export function nextSpeech(speech: Speech, level: number, at: number): Speech {
  if (level >= speaksFrom) {
    return speech.speaking && speech.quietSince === null
      ? speech
      : { speaking: true, quietSince: null }
  }
  if (!speech.speaking) return speech
  if (speech.quietSince === null) return { speaking: true, quietSince: at }
  return at - speech.quietSince >= silentAfterMs ? { speaking: false, quietSince: null } : speech
}
