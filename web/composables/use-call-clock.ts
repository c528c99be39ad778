/** How long a call has been on, as a clock: `8:05`, `1:02:03`. */
import { useNow } from '@vueuse/core'
import { serverClock } from '../live/server-clock.ts'
import { computed, toValue, type MaybeRefOrGetter, type Ref } from 'vue'

export function clockOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(seconds % 60)}`
    : `${minutes}:${two(seconds % 60)}`
}

/** Empty while it is not known since when. */
export function useCallClock(
  startedAt: MaybeRefOrGetter<number | undefined>,
): Readonly<Ref<string>> {
  const now = useNow({ interval: 1000 })
  return computed(() => {
    const since = toValue(startedAt)
    void now.value
    return since === undefined ? '' : clockOf(serverClock.now() - since)
  })
}

/** How long a call has been on, by the server's clock, for words that need not be exact. */
export function useCallLasted(
  startedAt: MaybeRefOrGetter<number | undefined>,
): Readonly<Ref<number>> {
  const now = useNow({ interval: 10_000 })
  return computed(() => {
    const since = toValue(startedAt)
    void now.value
    return since === undefined ? 0 : Math.max(0, serverClock.now() - since)
  })
}
