/**
 * What is to be said of the connection: nothing, that the browser is offline, that the server is away, or
 * that it answers and live connections do not pass.
 */
import { useOnline } from '@vueuse/core'
import { computed, type ComputedRef } from 'vue'
import { useConnectionLost, useSocketsBlocked } from '../stores/live.store.ts'
import { useLate } from './use-late.ts'

const lostForMs = 1500

export type ConnectionNote = 'offline' | 'lost' | 'blocked' | null

export function useConnectionNote(): ComputedRef<ConnectionNote> {
  const isOnline = useOnline()
  const isLost = useConnectionLost()
  const isBlocked = useSocketsBlocked()
  const isLostLong = useLate(isLost, lostForMs)
  return computed(() => {
    if (!isOnline.value) return 'offline'
    if (!isLostLong.value) return null
    return isBlocked.value ? 'blocked' : 'lost'
  })
}
