/**
 * Whether another tab of this browser is in a call: it holds the call's lock (call-lock.ts). Locks tell
 * nobody when they change, so it is asked whenever something happens in the room or one looks at it.
 */
import { useEventListener } from '@vueuse/core'
import { readonly, ref, toValue, watch, type MaybeRefOrGetter, type Ref } from 'vue'
import { useRoom } from '../stores/rooms.store.ts'
import { callLockName } from '../voice-session/call-lock.ts'

/** It may be this tab's own lock: who asks knows whether this tab is in the call. */
export function useCallInOtherTab(roomId: MaybeRefOrGetter<string>): Readonly<Ref<boolean>> {
  const isHeld = ref(false)
  const room = useRoom(roomId)

  async function look(): Promise<void> {
    const callId = room.value?.call?.callId
    // Without a secure context there are no locks, and no calls.
    const locks = callId === undefined ? undefined : await navigator.locks?.query()
    if (callId !== room.value?.call?.callId) return
    isHeld.value = locks?.held?.some(({ name }) => name === callLockName(callId ?? '')) ?? false
  }

  watch([() => toValue(roomId), () => room.value?.call?.callId, () => room.value?.seq], look, {
    immediate: true,
  })
  useEventListener(window, 'focus', () => void look())
  useEventListener(document, 'visibilitychange', () => void look())
  return readonly(isHeld)
}
