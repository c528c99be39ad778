/**
 * Costs that may not grow: each section compares something small with the same thing grown large, on a
 * server of its own. One section a file in `growth/`.
 */
import { afterManyJoins } from './growth/after-many-joins.ts'
import { liveBesideRepairs } from './growth/live-beside-repairs.ts'
import { manyCalls } from './growth/many-calls.ts'
import { oneEvent } from './growth/one-event.ts'
import { refusals } from './growth/refusals.ts'
import { toLine, isWithin, type GrowthRow } from './growth/row.ts'
import type { BenchResult } from './support/result.ts'

const sections: readonly (() => Promise<GrowthRow[]>)[] = [
  oneEvent,
  afterManyJoins,
  refusals,
  manyCalls,
  liveBesideRepairs,
]

export async function benchGrowth(): Promise<BenchResult> {
  const rows: GrowthRow[] = []
  for (const section of sections) rows.push(...(await section()))
  return {
    lines: rows.map(toLine),
    limit: 'every row within its own limit',
    isFine: rows.every(isWithin),
  }
}
