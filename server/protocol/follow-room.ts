/**
 * How a client follows its rooms by number (R48): what to take of what it is told, and what to ask for
 * again. Pure, and nothing but this decides it in the page, the simulation and the tests.
 */

interface Numbered {
  seq: number
}

export interface Told<F> {
  /** The facts that follow on what the client has, in order, without a gap; those that it has are left out. */
  next: F[]
  /** The number to send `sync` from, for something before the others is missing; null when nothing is. */
  syncFrom: number | null
}

/** `have`: the number up to which the client has everything. */
export function followFacts<F extends Numbered>(have: number, facts: readonly F[]): Told<F> {
  const next: F[] = []
  let last = have
  for (const fact of facts) {
    if (fact.seq <= last) continue
    if (fact.seq > last + 1) return { next, syncFrom: last }
    next.push(fact)
    last = fact.seq
  }
  return { next, syncFrom: null }
}

/**
 * What to `sync` after a `welcome` or a `pong`: the client's own numbers of all rooms that it has and
 * of which the server says another number, or nothing. The answer may be facts, a view or `room-gone`.
 */
export function numbersToSync(
  have: Readonly<Record<string, number>>,
  told: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(Object.entries(have).filter(([roomId, seq]) => told[roomId] !== seq))
}
