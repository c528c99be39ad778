/** The title of the page: what is on it, how much is unread anywhere, whose server it is. */
import { useTitle } from '@vueuse/core'
import { computed } from 'vue'
import { useRoute } from 'vue-router'
import { useRooms } from '../stores/rooms.store.ts'
import { useServerConfig, useSessionState } from '../stores/session.store.ts'
import { isolate } from '../words/isolate.ts'
import { t } from '../words/words.ts'

export function usePageTitle(): void {
  const route = useRoute()
  const config = useServerConfig()
  const state = useSessionState()
  const rooms = useRooms()

  const place = computed(() => {
    if (state.value !== 'signed-in') return state.value === 'signed-out' ? t('door.sign-in') : ''
    const roomId = route.params['roomId']
    return typeof roomId === 'string' ? (rooms.value[roomId]?.name ?? '') : ''
  })
  const unread = computed(() =>
    Object.values(rooms.value).reduce((sum, room) => sum + room.unread, 0),
  )
  useTitle(
    computed(() => {
      const names = [isolate(place.value), config.value?.name ?? ''].filter((name) => name !== '')
      const count = unread.value > 0 ? `(${unread.value}) ` : ''
      return count + (names.length > 0 ? names.join(' · ') : 'Chatto Calls')
    }),
  )
}
