/**
 * Keeps what one reads in its place while rows come above and below it. The box is laid out from its
 * end (column-reverse), so rows above move nothing; for those below, and for rows that grow, browsers
 * differ and Chromium's own anchoring may hold on to a row that stays first (`overflow-anchor: none`).
 */
import { useEventListener, useResizeObserver } from '@vueuse/core'
import type { Ref } from 'vue'

/** Some in a row: a row may go, when what was sent becomes what was posted. */
const heldRows = 3
/** A day's line stays first whatever comes above it, and the New line goes where it belongs. */
const isFixed = (row: Element) => !row.matches('.day, .new')

export function useScrollAnchor(
  scroller: Readonly<Ref<HTMLElement | null>>,
  list: Readonly<Ref<HTMLElement | null>>,
): void {
  let held: { row: Element; end: number }[] = []
  let height = 0
  let scrolledTo = 0

  /** Remembers the first rows that can be seen, and where. At the end nothing is held: there the newest stays in view. */
  function hold(): void {
    const box = scroller.value
    held = []
    scrolledTo = box?.scrollTop ?? 0
    if (!box || !list.value || box.scrollTop > -1) return
    height = box.clientHeight
    const { top } = box.getBoundingClientRect()
    const rows = list.value.children
    for (let at = firstBelow(rows, top); held.length < heldRows; at++) {
      const row = rows[at]
      if (!row) return
      // Its end: what comes before it may change how it begins.
      if (isFixed(row)) held.push({ row, end: row.getBoundingClientRect().bottom - top })
    }
  }

  /** A row may come between two scrolls of one picture: what scrolling moved is meant, the rest is not. */
  function keep(): void {
    const box = scroller.value
    const there = held.find(({ row }) => row.isConnected)
    if (box && there && box.clientHeight === height) {
      const end = there.row.getBoundingClientRect().bottom - box.getBoundingClientRect().top
      const moved = end - there.end + (box.scrollTop - scrolledTo)
      if (Math.abs(moved) >= 1) box.scrollTop += moved
    }
    hold()
  }

  useEventListener(scroller, 'scroll', keep, { passive: true })
  // Told after the layout and before the picture: nobody sees the jump that is taken back.
  useResizeObserver([list, scroller], keep)
}

/** The first row whose end is below `y`; rows stand in order. */
function firstBelow(rows: HTMLCollection, y: number): number {
  let from = 0
  let to = rows.length
  while (from < to) {
    const middle = (from + to) >> 1
    if ((rows[middle]?.getBoundingClientRect().bottom ?? 0) > y) to = middle
    else from = middle + 1
  }
  return from
}
