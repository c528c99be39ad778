/**
 * Who looks after the calls: one process at a time compares them with LiveKit and sends their
 * deadlines. With several processes on one database a lease says which; when it dies, the next one
 * takes over what it finds there.
 */
import type { Logger } from 'pino'
import type { Store } from '../../persistence/store.ts'
import type { Clock } from '../time/clock.ts'
import { createRepeat } from '../time/repeat.ts'
import type { CallIndex } from './call-index.ts'

export interface Keeper {
  start(): Promise<void>
  stop(): Promise<void>
}

/** What only the keeper runs. */
export interface KeeperTask {
  start(): void
  stop(): void | Promise<void>
}

const leaseName = 'keeper'
const leaseMs = 6_000
const renewMs = 2_000
/** Without other processes: a commit whose end nobody could read may have left a call that is not known here. */
const refreshMs = 30_000

export function createKeeper({
  store,
  index,
  tasks: kept,
  holder,
  clock,
  log,
}: {
  store: Pick<Store, 'calls' | 'leases' | 'isShared'>
  index: CallIndex
  tasks: readonly KeeperTask[]
  /** This process, by any name that no other one has. */
  holder: string
  clock: Clock
  log: Logger
}): Keeper {
  let isKeeper = false

  async function setKeeper(next: boolean): Promise<void> {
    if (next === isKeeper) return
    isKeeper = next
    if (next) kept.forEach((one) => one.start())
    else await Promise.all(kept.map(async (one) => one.stop()))
  }

  async function renew(): Promise<void> {
    try {
      const isMine = !store.isShared || (await store.leases.hold(leaseName, holder, leaseMs))
      // What other processes committed, so that their calls are looked after, too.
      if (isMine) index.refresh(await store.calls.active())
      await setKeeper(isMine)
    } catch (error) {
      report(error)
      if (store.isShared) await setKeeper(false)
    }
  }

  const report = (error: unknown) =>
    log.warn({ err: error }, 'who looks after the calls could not be read')
  const everyMs = store.isShared ? renewMs : refreshMs
  const renewal = createRepeat({
    clock,
    nextAt: () => clock.now() + everyMs,
    run: renew,
    onError: report,
  })

  return {
    async start() {
      await (store.isShared ? renew() : setKeeper(true))
      renewal.start()
    },
    async stop() {
      await renewal.stop()
      await setKeeper(false)
      if (store.isShared) await store.leases.release(leaseName, holder)
    },
  }
}
