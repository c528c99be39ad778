/**
 * What screen readers hear of what others do: once each. More than three things within two seconds
 * are read as one.
 */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import type { Ref } from 'vue'
import { listOf } from '../words/words.ts'

export interface Announcement {
  id: number
  text: string
}

const bundleMs = 2000
const maxApart = 3
/** Long enough for any reader to have taken it up. */
const shownForMs = 10_000

const announcementsStore = createStore({
  context: { said: [] as readonly Announcement[] },
  on: {
    said: (context, event: { fresh: readonly Announcement[] }) => ({
      said: [...context.said, ...event.fresh],
    }),
    gone: (context, event: { fresh: readonly Announcement[] }) => ({
      said: context.said.filter((announcement) => !event.fresh.includes(announcement)),
    }),
  },
})
let waiting: string[] = []
let nextId = 1

/** Read out within two seconds, unless the very same words wait already. */
export function announce(text: string): void {
  if (waiting.includes(text)) return
  waiting.push(text)
  if (waiting.length === 1) setTimeout(say, bundleMs)
}

function say(): void {
  const texts = waiting.length > maxApart ? [listOf(waiting)] : waiting
  waiting = []
  const fresh = texts.map((text) => ({ id: nextId++, text }))
  announcementsStore.trigger.said({ fresh })
  setTimeout(() => announcementsStore.trigger.gone({ fresh }), shownForMs)
}

export const useAnnouncements = (): Readonly<Ref<readonly Announcement[]>> =>
  useSelector(announcementsStore, ({ context }) => context.said)
