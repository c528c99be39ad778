/** True once something has been so for a while: bones that only flash say less than nothing. */
import { useTimeoutFn } from '@vueuse/core'
import { ref, toValue, watch, type MaybeRefOrGetter, type Ref } from 'vue'

export function useLate(flag: MaybeRefOrGetter<boolean>, delayMs = 300): Readonly<Ref<boolean>> {
  const isLate = ref(false)
  const { start, stop } = useTimeoutFn(() => (isLate.value = true), delayMs, { immediate: false })
  watch(
    () => toValue(flag),
    (on) => {
      stop()
      if (on) start()
      else isLate.value = false
    },
    { immediate: true },
  )
  return isLate
}
