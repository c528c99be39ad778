/** The room list laid over the sheet: on middle widths, where it folds away in a call. */
import { readonly, ref, type Ref } from 'vue'

const isOver = ref(false)

export const useListOver = (): Readonly<Ref<boolean>> => readonly(isOver)

/** False where the list has a page of its own. */
export function openList(event: Event): boolean {
  if (!window.matchMedia('(min-width: 768px)').matches) return false
  event.preventDefault()
  isOver.value = true
  return true
}

export function closeList(): void {
  isOver.value = false
}
