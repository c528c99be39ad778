/** Whether the people stand beside the history: kept on wide screens, opened over it on narrow ones. */
import { useLocalStorage, useMediaQuery } from '@vueuse/core'
import { computed, ref, watch, type ComputedRef, type Ref } from 'vue'

const wide = '(min-width: 1100px)'

export interface PeopleSide {
  isShown: ComputedRef<boolean>
  /** It lies over the sheet. */
  isOver: Readonly<Ref<boolean>>
  toggle(): void
  close(): void
}

export function usePeopleSide(): PeopleSide {
  const isWide = useMediaQuery(wide)
  const isWanted = useLocalStorage('chatto.people', true)
  const isOver = ref(false)
  watch(isWide, () => (isOver.value = false))
  return {
    isShown: computed(() => (isWide.value ? isWanted.value : isOver.value)),
    isOver,
    toggle() {
      if (isWide.value) isWanted.value = !isWanted.value
      else isOver.value = !isOver.value
    },
    close: () => (isOver.value = false),
  }
}
