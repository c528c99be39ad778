/** Equal tiles get the largest area that the space has for them. */
import { describe, expect, test } from 'vitest'
import { bestGrid } from '../../../web/components/call/call-grid.ts'

const desktop = { width: 1200, height: 680 }
const phone = { width: 366, height: 640 }

describe('tiles of a call in a grid', () => {
  test('two people stand side by side on a desk and one above the other on a phone', () => {
    expect(bestGrid(2, desktop).columns).toBe(2)
    expect(bestGrid(2, phone).columns).toBe(1)
  })

  test.each([1, 2, 3, 4, 5, 6, 9, 12, 25])('%i people fit, in tiles from 16:9 to 4:3', (count) => {
    for (const space of [desktop, phone]) {
      const { columns, width, height } = bestGrid(count, space)
      const rows = Math.ceil(count / columns)
      expect(columns * width + (columns - 1) * 12).toBeLessThanOrEqual(space.width)
      expect(rows * height + (rows - 1) * 12).toBeLessThanOrEqual(space.height)
      expect(width / height).toBeGreaterThan(4 / 3 - 0.05)
      expect(width / height).toBeLessThan(16 / 9 + 0.05)
    }
  })

  test('no other number of columns gives larger tiles to six people', () => {
    const best = bestGrid(6, desktop)
    const areas = [1, 2, 3, 4, 5, 6].map((columns) => {
      const rows = Math.ceil(6 / columns)
      const width = (desktop.width - 12 * (columns - 1)) / columns
      const height = (desktop.height - 12 * (rows - 1)) / rows
      const ratio = Math.min(16 / 9, Math.max(4 / 3, width / height))
      const fitted = Math.min(width, height * ratio)
      return (fitted * fitted) / ratio
    })
    expect(best.width * best.height).toBeGreaterThan(Math.max(...areas) * 0.98)
  })

  test('without any space there are no tiles to see, and nothing breaks', () => {
    expect(bestGrid(3, { width: 0, height: 0 })).toEqual({ columns: 1, width: 0, height: 0 })
  })
})
