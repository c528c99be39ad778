/**
 * Loads what is older whenever the beginning of what is loaded is near, again and again until it is
 * not: asked by where the box stands, for an observer tells changes only, and a load may change nothing.
 */
import { useEventListener, useResizeObserver } from '@vueuse/core'
import { watch, type Ref } from 'vue'
import { loadOlder, type RoomTimeline } from '../stores/timelines.store.ts'

/** About a screen of a phone. */
const nearPx = 400

export function useOlder(
  roomId: string,
  scroller: Readonly<Ref<HTMLElement | null>>,
  timeline: Readonly<Ref<RoomTimeline>>,
): void {
  function look(): void {
    const box = scroller.value
    const { state, hasMore, isLoadingOlder, hasOlderFailed } = timeline.value
    if (!box || state !== 'ready' || !hasMore || isLoadingOlder || hasOlderFailed) return
    // Laid out from its end: `scrollTop` is 0 at the newest and negative above.
    const above = box.scrollHeight - box.clientHeight + box.scrollTop
    if (above < nearPx) void loadOlder(roomId)
  }
  useEventListener(scroller, 'scroll', look, { passive: true })
  useResizeObserver(scroller, look)
  watch(timeline, look, { flush: 'post' })
}
