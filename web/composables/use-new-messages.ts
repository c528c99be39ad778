/** What is new and out of sight: below, since one was at the end last; above, at the New line. */
import { useDocumentVisibility, useEventListener } from '@vueuse/core'
import { computed, nextTick, onMounted, ref, watch, type Ref } from 'vue'
import type { Fact } from '../../server/protocol/wire.ts'
import { loadOlder, type RoomTimeline } from '../stores/timelines.store.ts'

/** This close to the end, one reads the newest. */
const atEndPx = 40
/** How far up the arrow shows even when nothing is new. */
const farUpPx = 600
/** A way to the New line does not load a whole room. */
const maxLoads = 40

const isNews = (fact: Fact, me: string) => fact.type === 'message.posted' && fact.by !== me

/** Messages of others after `seq`, among those that are loaded. */
export function newsAfter(entries: readonly Fact[], seq: number, me: string): number {
  let count = 0
  for (let at = entries.length - 1; at >= 0; at--) {
    const fact = entries[at]
    if (!fact || fact.seq <= seq) break
    if (isNews(fact, me)) count += 1
  }
  return count
}

export function useNewMessages(
  roomId: string,
  view: {
    scroller: Readonly<Ref<HTMLElement | null>>
    timeline: Readonly<Ref<RoomTimeline>>
    newAfter: Readonly<Ref<number | null>>
    me: Readonly<Ref<string>>
  },
) {
  const { scroller, timeline, newAfter, me } = view
  const visibility = useDocumentVisibility()
  const up = ref(0)
  const seen = ref<number | null>(null)
  /** The New line was on the screen, or is not wanted. */
  const isLineDone = ref(true)
  const isLineAbove = ref(false)

  const line = () => scroller.value?.querySelector('.new') ?? null

  function look(): void {
    const box = scroller.value
    if (!box) return
    up.value = -box.scrollTop
    const last = timeline.value.entries.at(-1)?.seq
    if (up.value < atEndPx && visibility.value === 'visible' && last !== undefined) {
      seen.value = last
    }
    const mark = line()
    const isAbove =
      mark !== null && mark.getBoundingClientRect().bottom < box.getBoundingClientRect().top
    // Before older messages are loaded, the line may stand too low.
    if (mark && !isAbove && !isMoreAbove()) isLineDone.value = true
    isLineAbove.value = isAbove || (mark !== null && isMoreAbove())
  }

  /** What is new begins before what is loaded. */
  function isMoreAbove(): boolean {
    const first = timeline.value.entries[0]
    if (newAfter.value === null || !first || !timeline.value.hasMore) return false
    return first.seq > newAfter.value + 1
  }

  async function toLine(): Promise<void> {
    isLineDone.value = true
    for (let loads = 0; isMoreAbove() && loads < maxLoads; loads += 1) {
      if (!(await loadOlder(roomId))) break
    }
    await nextTick()
    line()?.scrollIntoView({ block: 'start' })
    scroller.value?.focus({ preventScroll: true })
  }

  watch(newAfter, () => (isLineDone.value = newAfter.value === null), { immediate: true })
  watch([timeline, newAfter, visibility], look, { flush: 'post' })
  onMounted(look)
  useEventListener(scroller, 'scroll', look, { passive: true })

  return {
    /** How many came below since the end was in sight. */
    below: computed(() =>
      seen.value === null ? 0 : newsAfter(timeline.value.entries, seen.value, me.value),
    ),
    isFarUp: computed(() => up.value > farUpPx),
    /** How many are new, when their line is out of sight; `isMore`: even more than are loaded. */
    above: computed(() => {
      if (isLineDone.value || !isLineAbove.value || newAfter.value === null) return null
      const count = newsAfter(timeline.value.entries, newAfter.value, me.value)
      return { count, isMore: isMoreAbove() }
    }),
    toLine,
  }
}
