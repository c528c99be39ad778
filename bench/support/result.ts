/** What a bench says of itself. */
export interface BenchResult {
  lines: string[]
  /** In words, for whoever reads the line. */
  limit: string
  isFine: boolean
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('nothing was measured')
  return middle
}

export const rounded = (value: number) => Math.round(value).toLocaleString('en')
export const percent = (ratio: number) => `${(ratio * 100).toFixed(0)} %`
