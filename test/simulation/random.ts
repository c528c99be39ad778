/** Chance from a seed: the same seed gives the same numbers on every machine. */

export interface Random {
  /** From 0 up to, not including, 1. */
  next(): number
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  /** By weight: `[['often', 5], ['seldom', 1]]`. */
  weighted<T>(list: readonly (readonly [T, number])[]): T
}

/** One stream per concern, so that a change in one leaves the others as they were. */
export function createRandom(seed: number, concern: string): Random {
  let state = seed >>> 0
  for (const char of concern) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193) >>> 0

  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  // Seeds that lie side by side begin alike.
  for (let i = 0; i < 8; i++) next()

  const random: Random = {
    next,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    chance: (probability) => next() < probability,
    pick(list) {
      const picked = list[Math.floor(next() * list.length)]
      if (picked === undefined) throw new Error('nothing to pick from')
      return picked
    },
    weighted(list) {
      let left = next() * list.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [value, weight] of list) {
        left -= weight
        if (left < 0) return value
      }
      return random.pick(list)[0]
    },
  }
  return random
}
