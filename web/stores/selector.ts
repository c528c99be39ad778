/**
 * Selections of a store as Vue values. The store's snapshot is held shallowly, so nothing in it is
 * wrapped; a selection may read reactive values, and triggers only when its result changes.
 */
import type { Readable } from '@xstate/store'
import { computed, shallowRef, type ComputedRef } from 'vue'

/** One subscription a store, for as long as the page lives. */
export function selectorOf<Context>(
  store: Readable<{ context: Context }>,
): <T>(select: (context: Context) => T) => ComputedRef<T> {
  const context = shallowRef(store.get().context)
  store.subscribe((snapshot) => {
    context.value = snapshot.context
  })
  return (select) => computed(() => select(context.value))
}
