/**
 * Simulated time: everything that happens is an event in one queue, and the clock moves only when
 * all I/O rests. What a dead owner still had in the queue never happens.
 */
import type { Clock, Timer } from '../../server/time/clock.ts'
import type { Random } from './random.ts'

/** A process, a page: whose events die with it. */
export interface Owner {
  dead: boolean
}

export interface World {
  now(): number
  after(delayMs: number, work: () => void | Promise<void>, owner?: Owner): Timer
  /** Never resolves when the owner dies first. */
  sleep(delayMs: number, owner?: Owner): Promise<void>
  /** A line of the story. */
  tell(who: string, what: string): void
  /** Breaks a rule: the story ends here. The first one counts. */
  fail(rule: string, what: string): void
  /** Called about every so often of simulated time. */
  every(ms: number, work: () => void): void
  run(until: number): Promise<void>
  readonly story: readonly string[]
  readonly broken: { rule: string; what: string; at: number } | null
}

interface Event {
  at: number
  order: number
  work: () => void | Promise<void>
  owner: Owner | undefined
  /** Cannot start anything that has to be waited for. */
  isPlain: boolean
  cancelled: boolean
}

export const startsAt = 1_700_000_000_000

export function createWorld(random: Random): World {
  const queue: Event[] = []
  const story: string[] = []
  let now = startsAt
  let broken: World['broken'] = null

  const isBefore = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order)

  function push(event: Event): void {
    let i = queue.length
    queue.push(event)
    while (i > 0) {
      const above = (i - 1) >> 1
      const parent = queue[above]
      if (!parent || !isBefore(event, parent)) break
      queue[i] = parent
      i = above
    }
    queue[i] = event
  }

  function pop(): Event | undefined {
    const first = queue[0]
    const last = queue.pop()
    if (!first || !last || queue.length === 0) return first
    let i = 0
    for (;;) {
      let below = 2 * i + 1
      const left = queue[below]
      if (!left) break
      const right = queue[below + 1]
      if (right && isBefore(right, left)) below += 1
      const child = queue[below]
      if (!child || !isBefore(child, last)) break
      queue[i] = child
      i = below
    }
    queue[i] = last
    return first
  }

  function add(
    delayMs: number,
    work: Event['work'],
    owner: Owner | undefined,
    isPlain: boolean,
  ): Event {
    const at = now + Math.max(0, Math.ceil(delayMs))
    // What is due at the same time happens in any order.
    const event = { at, order: random.next(), work, owner, isPlain, cancelled: false }
    push(event)
    return event
  }

  const world: World = {
    now: () => now,
    story,
    get broken() {
      return broken
    },
    after(delayMs, work, owner) {
      const event = add(delayMs, work, owner, false)
      return {
        cancel() {
          event.cancelled = true
        },
      }
    },
    sleep: (delayMs, owner) =>
      new Promise((resolve) => void add(delayMs, () => resolve(), owner, false)),
    tell(who, what) {
      const time = ((now - startsAt) / 1000).toFixed(3).padStart(8)
      story.push(`${time}  ${who.padEnd(8)} ${what}`)
    },
    fail(rule, what) {
      if (broken) return
      broken = { rule, what, at: now }
      world.tell('BROKEN', `${rule}: ${what}`)
    },
    every(ms, work) {
      const again = () => {
        work()
        add(ms, again, undefined, true)
      }
      add(ms, again, undefined, true)
    },
    async run(until) {
      await rest()
      while (!broken) {
        const event = queue[0]
        if (!event || event.at > until) break
        pop()
        if (event.cancelled || event.owner?.dead) continue
        now = Math.max(now, event.at)
        const working = event.work()
        if (working) await working
        if (!event.isPlain) await rest()
      }
      now = Math.max(now, until)
    },
  }
  return world
}

/** Until nothing is left to do but what waits in the queue: there is no real I/O outside of an event. */
const rest = () => new Promise<void>((resolve) => void setImmediate(resolve))

/** The machine's clock in the simulation; it may be wrong, its timers are not. */
export function createSimulatedClock(world: World, owner: Owner, skewMs: () => number): Clock {
  return {
    now: () => world.now() + skewMs(),
    after: (delayMs, work) => world.after(delayMs, work, owner),
  }
}
