/** True once something has been so for a while: bones that only flash say less than nothing. */
import { onScopeDispose, ref, toValue, watch, type MaybeRefOrGetter, type Ref } from 'vue'

export function useLate(flag: MaybeRefOrGetter<boolean>, delayMs = 300): Readonly<Ref<boolean>> {
  const isLate = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined
  watch(
    () => toValue(flag),
    (on) => {
      clearTimeout(timer)
      if (on) timer = setTimeout(() => (isLate.value = true), delayMs)
      else isLate.value = false
    },
    { immediate: true },
  )
  onScopeDispose(() => clearTimeout(timer))
  return isLate
}
