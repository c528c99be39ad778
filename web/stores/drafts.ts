/** What is being written in a room: kept as it is typed, so that neither a reload nor another room loses it. */
import { computed, ref, toValue, type MaybeRefOrGetter, type WritableComputedRef } from 'vue'
import { useMe } from './session.store.ts'

const prefixOf = (userId: string) => `chatto.draft.${userId}.`

/** Drafts of this page, by storage key; the storage may be full or refused. */
const drafts = ref<Record<string, string>>({})

export function useDraft(roomId: MaybeRefOrGetter<string>): WritableComputedRef<string> {
  const me = useMe()
  const key = computed(() => prefixOf(me.value?.id ?? '') + toValue(roomId))
  return computed({
    get: () => drafts.value[key.value] ?? read(key.value),
    set(text) {
      drafts.value[key.value] = text
      try {
        if (text === '') localStorage.removeItem(key.value)
        else localStorage.setItem(key.value, text)
      } catch {
        // Then it lasts as long as the page.
      }
    },
  })
}

/** After signing out by oneself, nothing of it stays on a computer that others may use. */
export function forgetDrafts(userId: string): void {
  drafts.value = {}
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(prefixOf(userId))) localStorage.removeItem(key)
  }
}

function read(key: string): string {
  try {
    return localStorage.getItem(key) ?? ''
  } catch {
    return ''
  }
}
