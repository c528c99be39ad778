/** Between browsers and our server: takes time, loses requests and answers, breaks when the server dies. */
import type { Faults } from './faults.ts'
import type { Random } from './random.ts'
import type { SimulatedServer } from './server.ts'
import type { Owner, World } from './world.ts'

export interface Network {
  /** Rejects with `NoAnswer` when there is none; else as the server says. */
  request<T>(
    from: Owner & { isOnline(): boolean },
    ask: (server: SimulatedServer) => Promise<T>,
    arrived?: () => void,
  ): Promise<T>
  /** The process died: whoever waits for its answer is told by TCP. */
  broke(server: SimulatedServer): void
}

export class NoAnswer extends Error {
  constructor() {
    super('no answer')
    this.name = 'NoAnswer'
  }
}

const clientTimeoutMs = 10_000

export function createNetwork(
  world: World,
  faults: Faults,
  random: Random,
  server: () => SimulatedServer | null,
): Network {
  const waiting = new Map<SimulatedServer, Set<() => void>>()

  return {
    request: (from, ask, arrived) =>
      new Promise((resolve, reject) => {
        let over = false
        /** The answer reaches a page that is still there, once. */
        const end = (afterMs: number, work: () => void) => {
          if (over) return
          over = true
          world.after(afterMs, work, from)
        }
        const fail = (afterMs: number) => end(afterMs, () => reject(new NoAnswer()))
        world.after(random.between(2, 60), () => {
          const target = server()
          if (!from.isOnline() || faults.losesRequest()) {
            fail(random.between(100, clientTimeoutMs))
            return
          }
          if (!target) {
            fail(random.between(1, 20))
            return
          }
          const broken = () => fail(10)
          const open = waiting.get(target) ?? new Set()
          waiting.set(target, open.add(broken))
          const answer = (work: () => void) => {
            open.delete(broken)
            if (!from.isOnline() || faults.losesRequest())
              fail(random.between(100, clientTimeoutMs))
            else end(random.between(2, 60), work)
          }
          arrived?.()
          ask(target).then(
            (result) => answer(() => resolve(result)),
            (error: unknown) => answer(() => reject(error as Error)),
          )
        })
        // No time-out of its own while the answer is on its way; the browser gives up at last.
        world.after(clientTimeoutMs, () => fail(0), from)
      }),
    broke(server) {
      waiting.get(server)?.forEach((broken) => broken())
      waiting.delete(server)
    },
  }
}
