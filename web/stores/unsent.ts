/**
 * Messages that are not sent yet outlive the page: what was typed is never lost. One entry a
 * message, so that tabs do not overwrite each other; both may send it, it is one message all the same.
 */
import { restoreUnsent, timelinesStore, type Outgoing } from './timelines.store.ts'

interface StoredMessage extends Outgoing {
  roomId: string
}

let owner: string | null = null
let stored = new Set<string>()

const prefixOf = (userId: string) => `chatto.unsent.${userId}.`

/** Whose messages are kept from now on; nobody's with null. What is kept of them is put back. */
export function keepUnsent(userId: string | null): void {
  owner = userId
  stored = new Set()
  if (userId === null) return
  for (const message of readStored(userId)) restoreUnsent(message.roomId, message)
}

/** After signing out by oneself, nothing of it stays on a computer that others may use. */
export function forgetUnsent(userId: string): void {
  for (const key of keysOf(userId)) localStorage.removeItem(key)
}

timelinesStore.subscribe(({ context }) => {
  if (owner === null) return
  const prefix = prefixOf(owner)
  const waiting = new Map<string, StoredMessage>()
  for (const [roomId, { outgoing }] of Object.entries(context.rooms)) {
    for (const message of outgoing) waiting.set(message.requestId, { ...message, roomId })
  }
  try {
    for (const requestId of stored) {
      if (!waiting.has(requestId)) localStorage.removeItem(prefix + requestId)
    }
    for (const [requestId, message] of waiting) {
      if (!stored.has(requestId)) localStorage.setItem(prefix + requestId, JSON.stringify(message))
    }
  } catch {
    // No room in the storage: then it lasts as long as the page.
  }
  stored = new Set(waiting.keys())
})

function keysOf(userId: string): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefixOf(userId)))
  } catch {
    return []
  }
}

function readStored(userId: string): StoredMessage[] {
  const found = keysOf(userId).flatMap((key) => {
    try {
      const value = JSON.parse(localStorage.getItem(key) ?? 'null') as Partial<StoredMessage> | null
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
