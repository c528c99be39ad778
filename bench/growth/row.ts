/** One line of `bench growth`: something small beside the same thing grown large. */
export interface GrowthRow {
  what: string
  unit: 'ms' | 'bytes'
  small: number
  large: number
  /** Large to small. */
  ratio: number
  /** What `ratio` may be at most, or the large one itself. */
  limit: { ratio: number } | { large: number }
}

export function toRow(row: Omit<GrowthRow, 'ratio'>): GrowthRow {
  return { ...row, ratio: row.large / row.small }
}

export function isWithin({ large, ratio, limit }: GrowthRow): boolean {
  return 'ratio' in limit ? ratio <= limit.ratio : large <= limit.large
}

export function toLine(row: GrowthRow): string {
  const { what, unit, small, large, ratio, limit } = row
  const value = (number: number) => `${number.toFixed(unit === 'ms' ? 1 : 0)} ${unit}`
  const most = 'ratio' in limit ? `${limit.ratio} times` : value(limit.large)
  return (
    `${isWithin(row) ? 'fine    ' : 'TOO MUCH'} ${what}: ` +
    `${value(small)} → ${value(large)}, ${ratio.toFixed(2)} times (at most ${most})`
  )
}
