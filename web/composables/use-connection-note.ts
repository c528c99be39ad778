/** What is to be said of the connection: nothing, that the browser is offline, or that the server is away. */
import { useOnline } from '@vueuse/core'
import { computed, type ComputedRef } from 'vue'
import { useConnectionLost } from '../stores/live.store.ts'
import { useLate } from './use-late.ts'

const lostForMs = 1500

export type ConnectionNote = 'offline' | 'lost' | null

export function useConnectionNote(): ComputedRef<ConnectionNote> {
  const isOnline = useOnline()
  const isLost = useConnectionLost()
  const isLostLong = useLate(isLost, lostForMs)
  return computed(() => {
    if (!isOnline.value) return 'offline'
    return isLostLong.value ? 'lost' : null
  })
}
