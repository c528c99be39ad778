/**
 * Messages that are not sent yet outlive the page: what was typed is never lost (F44). One entry a
 * message, so that tabs do not overwrite each other; both may send it, it is one message all the same.
 */
import { restoreUnsent, timelinesStore, type Outgoing } from './timelines.store.ts'

interface Kept extends Outgoing {
  roomId: string
}

let keptFor: string | null = null
let kept = new Set<string>()

const prefixOf = (userId: string) => `chatto.unsent.${userId}.`

/** Whose messages are kept from now on; nobody's with null. What is kept of them is put back. */
export function keepUnsent(userId: string | null): void {
  keptFor = userId
  kept = new Set()
  if (userId === null) return
  for (const message of readKept(userId)) restoreUnsent(message.roomId, message)
}

/** After signing out by oneself, nothing of it stays on a computer that others may use. */
export function forgetUnsent(userId: string): void {
  for (const key of keysOf(userId)) localStorage.removeItem(key)
}

timelinesStore.subscribe(({ context }) => {
  if (keptFor === null) return
  const prefix = prefixOf(keptFor)
  const waiting = new Map<string, Kept>()
  for (const [roomId, { outgoing }] of Object.entries(context.rooms)) {
    for (const message of outgoing) waiting.set(message.requestId, { ...message, roomId })
  }
  try {
    for (const requestId of kept) {
      if (!waiting.has(requestId)) localStorage.removeItem(prefix + requestId)
    }
    for (const [requestId, message] of waiting) {
      if (!kept.has(requestId)) localStorage.setItem(prefix + requestId, JSON.stringify(message))
    }
  } catch {
    // No room in the storage: then it lasts as long as the page.
  }
  kept = new Set(waiting.keys())
})

function keysOf(userId: string): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefixOf(userId)))
  } catch {
    return []
  }
}

function readKept(userId: string): Kept[] {
  const found = keysOf(userId).flatMap((key) => {
    try {
      const value = JSON.parse(localStorage.getItem(key) ?? 'null') as Partial<Kept> | null
      const { roomId, requestId, text, at } = value ?? {}
      if (typeof roomId !== 'string' || typeof requestId !== 'string') return []
      if (typeof text !== 'string' || typeof at !== 'number') return []
      return [{ roomId, requestId, text, at, failed: true }]
    } catch {
      return []
    }
  })
  return found.toSorted((a, b) => a.at - b.at)
}
