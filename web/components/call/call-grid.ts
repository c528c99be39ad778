/** How many columns give equal tiles the largest area. Pure. */

export interface Grid {
  columns: number
  /** In pixels. */
  width: number
  height: number
}

/** Tiles are between 16:9 and 4:3. */
const widest = 16 / 9
const narrowest = 4 / 3

export function bestGrid(count: number, space: { width: number; height: number }, gap = 12): Grid {
  let best: Grid = { columns: 1, width: 0, height: 0 }
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns)
    const room = {
      width: (space.width - gap * (columns - 1)) / columns,
      height: (space.height - gap * (rows - 1)) / rows,
    }
    if (room.width <= 0 || room.height <= 0) continue
    const ratio = Math.min(widest, Math.max(narrowest, room.width / room.height))
    const width = Math.min(room.width, room.height * ratio)
    const height = width / ratio
    if (width * height > best.width * best.height) {
      best = { columns, width: Math.floor(width), height: Math.floor(height) }
    }
  }
  return best
}
