/**
 * What screen readers hear of what others do: once each. More than three things within two seconds
 * are read as one.
 */
import { readonly, shallowRef, type Ref } from 'vue'
import { listOf } from '../words/words.ts'

export interface Announcement {
  id: number
  text: string
}

const bundleMs = 2000
const apartAtMost = 3
/** Long enough for any reader to have taken it up. */
const keptMs = 10_000

const said = shallowRef<readonly Announcement[]>([])
let waiting: string[] = []
let nextId = 1

/** Read out within two seconds, unless the very same words wait already. */
export function announce(text: string): void {
  if (waiting.includes(text)) return
  waiting.push(text)
  if (waiting.length === 1) setTimeout(say, bundleMs)
}

function say(): void {
  const texts = waiting.length > apartAtMost ? [listOf(waiting)] : waiting
  waiting = []
  const fresh = texts.map((text) => ({ id: nextId++, text }))
  said.value = [...said.value, ...fresh]
  setTimeout(() => {
    said.value = said.value.filter((announcement) => !fresh.includes(announcement))
  }, keptMs)
}

export const useAnnouncements = (): Readonly<Ref<readonly Announcement[]>> => readonly(said)
