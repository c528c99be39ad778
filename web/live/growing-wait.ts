/** How long to wait before the next try: twice as long each time, up to a limit. */

const minWaitMs = 250
const maxWaitMs = 15_000

/** `tries` that failed already; `random` from 0 to 1 spreads many clients after a restart. */
export function growingWaitMs(tries: number, random: number): number {
  return Math.min(maxWaitMs, minWaitMs * 2 ** tries) * (0.5 + random)
}
