/**
 * Costs that may not grow: each section compares something small with the same thing grown large, on a
 * server of its own. One section a file in `growth/`.
 */
import { liveBesideRepairs } from './growth/live-beside-repairs.ts'
import { toLine, isWithin, type GrowthRow } from './growth/row.ts'
import type { BenchResult } from './support/result.ts'

const sections: readonly (() => Promise<GrowthRow[]>)[] = [liveBesideRepairs]

export async function benchGrowth(): Promise<BenchResult> {
  const rows: GrowthRow[] = []
  for (const section of sections) rows.push(...(await section()))
  return {
    lines: rows.map(toLine),
    limit: 'every row within its own limit',
    isFine: rows.every(isWithin),
  }
}
