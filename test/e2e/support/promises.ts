/**
 * Times that are promised, measured. On a machine with far more to do than it can, they are held to
 * a multiple; what was measured is always said.
 */
import { expect, test } from '@playwright/test'
import { availableParallelism, loadavg } from 'node:os'
import { until } from '../../support/until.ts'

/** 1 on a machine that is not overloaded. */
export function patience(): number {
  const load = (loadavg()[0] ?? 0) / availableParallelism()
  return load > 2 ? Math.min(6, Math.ceil(load / 2)) : 1
}

export function report(what: string, measured: string): void {
  const [load = 0] = loadavg()
  const description = `${measured} (load ${load.toFixed(1)})`
  test.info().annotations.push({ type: what, description })
  process.stdout.write(`    ${what}: ${description}\n`)
}

/** Waits for it, says how long that took since `from`, and holds it to the promise. */
export async function keptWithin(
  what: string,
  promisedMs: number,
  look: () => boolean | Promise<boolean>,
  from = performance.now(),
): Promise<void> {
  const allowed = promisedMs * patience() - (performance.now() - from)
  await until(what, allowed, look)
  report(what, `${Math.round(performance.now() - from)} ms of ${promisedMs}`)
}

/** A length of time that was measured already. */
export function expectWithin(what: string, measuredMs: number, promisedMs: number): void {
  const allowed = promisedMs * patience()
  report(what, `${Math.round(measuredMs)} ms of ${promisedMs}`)
  expect(measuredMs, what).toBeLessThan(allowed)
}
