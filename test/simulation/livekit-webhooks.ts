/**
 * LiveKit's webhook queue: strict order per room, one in flight, five attempts, dropped after 30 s.
 * The story's faults lose, double, delay and reorder what it sends.
 */
import type { Faults } from './faults.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

/** One POST to our server; rejects when there is no answer. */
export type SendReport = (body: Buffer) => Promise<number>

export interface WebhookQueue {
  add(roomName: string, event: string, about: object): void
  /** It lies in memory: a restart loses it. */
  forget(): void
}

interface Item {
  id: string
  event: string
  body: Buffer
  madeAt: number
}

const waitsMs = [1_000, 2_000, 4_000, 8_000]
const oldestMs = 30_000
const deepest = 200

export function createWebhookQueue(
  world: World,
  faults: Faults,
  random: Random,
  send: SendReport,
): WebhookQueue {
  let queues = new Map<string, { items: Item[]; busy: boolean }>()
  let made = 0

  async function work(queue: { items: Item[]; busy: boolean }): Promise<void> {
    queue.busy = true
    for (let item = queue.items.shift(); item; item = queue.items.shift()) {
      if (world.now() - item.madeAt > oldestMs) continue
      await deliver(item)
    }
    queue.busy = false
  }

  async function deliver(item: Item): Promise<void> {
    for (let attempt = 0; attempt <= waitsMs.length; attempt++) {
      try {
        const status = await send(item.body)
        if (status < 500 && status !== 429) return
      } catch {
        // No answer: once more.
      }
      const wait = waitsMs[attempt]
      if (wait === undefined) break
      await world.sleep(wait)
    }
    world.tell('LiveKit', `gives up on ${item.event} ${item.id}`)
  }

  function put(roomName: string, item: Item): void {
    const queue = queues.get(roomName) ?? { items: [], busy: false }
    queues.set(roomName, queue)
    if (queue.items.length >= deepest) return
    queue.items.push(item)
    if (!queue.busy) void work(queue)
  }

  return {
    forget() {
      queues = new Map()
    },
    add(roomName, event, about) {
      const id = `EV_${++made}`
      const madeAt = world.now()
      const createdAt = String(Math.floor(madeAt / 1000))
      const body = Buffer.from(JSON.stringify({ id, event, createdAt, ...about }))
      const item = { id, event, body, madeAt }
      const fate = faults.webhook()
      if (fate !== 'arrives') world.tell('fault', `the report ${event} ${id} ${fate}`)
      switch (fate) {
        case 'is lost':
          return
        case 'comes twice':
          put(roomName, item)
          world.after(random.between(10, 15_000), () => void send(body).catch(() => undefined))
          return
        case 'is late':
          world.after(random.between(500, 25_000), () => put(roomName, item))
          return
        case 'is overtaken':
          world.after(random.between(50, 3_000), () => void deliver(item))
          return
        default:
          put(roomName, item)
      }
    },
  }
}
