/**
 * Sends webhooks as LiveKit does: signed, in order of a room, one after the other, with LiveKit's
 * retries. In memory only: webhooks are hints, and whoever takes them compares with the listing.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { WebhookEvent } from '@livekit/protocol'
import { signJwt, type MediaKeys } from './jwt.ts'

/** Posts once. Rejects when no answer came. */
export type PostWebhook = (url: string, body: string, authorization: string) => Promise<number>

export interface MediaWebhooks {
  /** Gives the event its id and time. */
  send(event: WebhookEvent): void
  /** Where to send from now on; what waits goes there, too. */
  setTargets(urls: string[]): void
  /** Resolves when nothing waits or `withinMs` is over; what waits then is dropped. */
  stop(withinMs: number): Promise<void>
}

/** After the first, second … failed attempt; then it is given up. */
const retryWaitsMs = [1_000, 2_000, 4_000, 8_000]
const maxAgeMs = 30_000
const maxQueue = 200
const tokenLastsS = 300

interface Waiting {
  event: WebhookEvent
  queuedAt: number
}

export function createMediaWebhooks({
  keys,
  post,
  now,
  wall = now,
  wait,
  warn,
}: {
  keys: MediaKeys
  post: PostWebhook
  now(): number
  /** The machine's clock, which signatures are compared with. */
  wall?(): number
  /** Resolves after that time, or at once when sending is stopped. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  warn(fields: object, message: string): void
}): MediaWebhooks {
  let urls: string[] = []
  /** By index of the url and room; each drains by itself. */
  const queues = new Map<string, Waiting[]>()
  const draining = new Set<Promise<void>>()
  const stopping = new AbortController()

  function enqueue(index: number, event: WebhookEvent): void {
    const key = `${index} ${event.room?.name ?? ''}`
    const queue = queues.get(key)
    if (queue && queue.length >= maxQueue) {
      warn({ event: event.event }, 'a webhook was dropped: too many wait')
      return
    }
    const waiting = { event, queuedAt: now() }
    if (queue) {
      queue.push(waiting)
      return
    }
    const mine = [waiting]
    queues.set(key, mine)
    const drained = drain(key, index, mine).finally(() => {
      draining.delete(drained)
    })
    draining.add(drained)
  }

  async function drain(key: string, index: number, queue: Waiting[]): Promise<void> {
    for (let next = queue[0]; next && !stopping.signal.aborted; next = queue[0]) {
      if (now() - next.queuedAt > maxAgeMs) {
        warn({ event: next.event.event }, 'a webhook was dropped: it waited too long')
      } else {
        await deliver(index, next.event)
      }
      queue.shift()
    }
    // At once, so that nothing is put into a queue that nobody looks at any more.
    queues.delete(key)
  }

  async function deliver(index: number, event: WebhookEvent): Promise<void> {
    const body = event.toJsonString()
    const authorization = sign(keys, body, wall())
    for (let attempt = 0; !stopping.signal.aborted; attempt += 1) {
      const url = urls[index]
      if (url === undefined) return
      const status = await post(url, body, authorization).catch((error: unknown) => error)
      if (typeof status === 'number' && !isWorthRetrying(status)) return
      const waitMs = retryWaitsMs[attempt]
      if (waitMs === undefined) {
        const why = typeof status === 'number' ? { status } : { err: status }
        warn({ event: event.event, ...why }, 'a webhook could not be delivered')
        return
      }
      await wait(waitMs, stopping.signal)
    }
  }

  return {
    send(event) {
      // A copy: the room that it speaks of goes on changing while it waits.
      const copy = event.clone()
      copy.id = newEventId()
      copy.createdAt = BigInt(Math.floor(now() / 1000))
      urls.forEach((_url, index) => enqueue(index, copy))
    },
    setTargets(next) {
      urls = next
    },
    async stop(withinMs) {
      const deadline = new AbortController()
      const late = wait(withinMs, deadline.signal)
      await Promise.race([Promise.all(draining), late])
      deadline.abort()
      stopping.abort()
      await Promise.all(draining)
    },
  }
}

/** 501 says that nothing will ever take it; any other answer below 500 counts as delivered. */
function isWorthRetrying(status: number): boolean {
  return status === 429 || status === 0 || (status >= 500 && status !== 501)
}

function sign(keys: MediaKeys, body: string, nowMs: number): string {
  const nowS = Math.floor(nowMs / 1000)
  const sha256 = createHash('sha256').update(body).digest('base64')
  return signJwt(keys, { iat: nowS, nbf: nowS, exp: nowS + tokenLastsS, sha256 })
}

const letters = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

function newEventId(): string {
  return `EV_${[...randomBytes(12)].map((byte) => letters[byte % letters.length]).join('')}`
}
