/** Where the New line of a visit goes: after what was read before, and where reading stopped for a while. */
import { useDocumentVisibility } from '@vueuse/core'
import { onScopeDispose, ref, watch, type Ref } from 'vue'
import { lookAt } from '../stores/live.store.ts'
import { readUpTo } from '../stores/read-marks.ts'
import { roomNow, useRoom } from '../stores/rooms.store.ts'

/** Looks at the room as long as its history is on the screen. Null: nothing is new. */
export function useNewAfter(roomId: string): Readonly<Ref<number | null>> {
  const newAfter = ref<number | null>(null)
  const room = useRoom(roomId)
  const visibility = useDocumentVisibility()

  function look(): void {
    const isUnread = (roomNow(roomId)?.unread ?? 0) > 0
    if (isUnread) newAfter.value = readUpTo(roomId) ?? null
    lookAt(roomId)
  }

  watch(
    // Unread while it is looked at: it was counted, or came while the page was hidden.
    [visibility, () => (room.value?.unread ?? 0) > 0],
    ([now]) => {
      if (now === 'visible') look()
    },
    { immediate: true },
  )
  onScopeDispose(() => lookAt(null))
  return newAfter
}
