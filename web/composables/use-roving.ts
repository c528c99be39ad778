/** One tab stop for a list of links; arrow keys, Home and End move in it. */
import { useEventListener } from '@vueuse/core'
import { ref, type Ref } from 'vue'

/** Gives the `data-row` that had the focus last: Tab should lead back to it. */
export function useRoving(list: Readonly<Ref<HTMLElement | null>>): Readonly<Ref<string | null>> {
  const stop = ref<string | null>(null)
  const rowOf = (target: EventTarget | null) =>
    target instanceof Element ? target.closest<HTMLElement>('[data-row]') : null

  useEventListener(list, 'keydown', (event: KeyboardEvent) => {
    const row = rowOf(event.target)
    if (!row || !list.value) return
    const rows = [...list.value.querySelectorAll<HTMLElement>('[data-row]')]
    const next = nextIndex(event.key, rows.indexOf(row), rows.length)
    if (next === null) return
    event.preventDefault()
    rows[next]?.focus()
  })
  useEventListener(list, 'focusin', (event: FocusEvent) => {
    const row = rowOf(event.target)
    if (row) stop.value = row.dataset['row'] ?? null
  })
  return stop
}

function nextIndex(key: string, at: number, length: number): number | null {
  switch (key) {
    case 'ArrowDown':
      return Math.min(at + 1, length - 1)
    case 'ArrowUp':
      return Math.max(at - 1, 0)
    case 'Home':
      return 0
    case 'End':
      return length - 1
    default:
      return null
  }
}
