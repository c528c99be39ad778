/** The server's time as this installation has it: by whose clock, and not before what is stored (R53). */
import type { Store } from '../../persistence/store.ts'
import { createClock } from './clock.ts'
import { createServerClock, followDatabaseClock, type ServerClock } from './server-clock.ts'

export interface OpenClock {
  clock: ServerClock
  /** What it follows: this machine's clock, or the database's where processes share one. */
  followed(): number
  stop(): Promise<void>
}

export async function openClock({
  store,
  wall,
  byHand,
  isQuiet,
}: {
  store: Pick<Store, 'isShared'> & { rooms: Pick<Store['rooms'], 'now' | 'latestAt'> }
  wall(): number
  /** A test's own time, which nothing follows. */
  byHand: (() => number) | undefined
  isQuiet(): boolean
}): Promise<OpenClock> {
  if (byHand) {
    const clock = { ...createClock(byHand), notBefore: () => undefined, onStep: () => undefined }
    return { clock, followed: byHand, stop: () => Promise.resolve() }
  }
  const shared = store.isShared ? await followDatabaseClock(store.rooms.now) : null
  const followed = shared?.wall ?? wall
  const clock = createServerClock({ wall: followed, isQuiet })
  clock.notBefore(await store.rooms.latestAt())
  return { clock, followed, stop: shared?.stop ?? (() => Promise.resolve()) }
}
