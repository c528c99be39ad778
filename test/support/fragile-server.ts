/**
 * The real server with a composition root of the test's own, as a child process: between it and its
 * store, and between a commit and its publication, stands something that can kill it on the spot.
 * `server-process.ts` starts it and tells it where to die.
 */
import { openStore } from '../../persistence/open-store.ts'
import type { OpenStore, RoomCommit } from '../../persistence/store.ts'
import { startApp } from '../../server/app.ts'
import { loadConfig } from '../../server/config/load-config.ts'
import { createLogger } from '../../server/log.ts'
import type { FanOut } from '../../server/realtime/fan-out.ts'
import { version } from '../../server/version.ts'
import type { DeathOrder } from './server-process.ts'

let order: DeathOrder | null = null
process.on('message', (message: DeathOrder) => {
  order = message
  process.send?.('ready to die')
})

/** Nothing runs after it: no handler, no flush, no answer. */
function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

const isMeant = (where: DeathOrder['at'], facts: readonly { type: string }[]) =>
  order?.at === where && facts.some((fact) => fact.type === order?.fact)

const open: OpenStore = async (url) => {
  const store = await openStore(url)
  return {
    ...store,
    rooms: {
      ...store.rooms,
      async commit(batch: RoomCommit[]) {
        const facts = batch.flatMap((commit) => commit.facts)
        if (isMeant('before the commit', facts)) die()
        const outcomes = await store.rooms.commit(batch)
        if (isMeant('after the commit', facts)) die()
        return outcomes
      },
    },
    calls: {
      ...store.calls,
      // A join reads its key between its publication and its answer.
      key: (callId) =>
        order?.at === 'answers are held' ? new Promise(() => undefined) : store.calls.key(callId),
    },
  }
}

const wrapFanOut = (fanOut: FanOut): FanOut => ({
  ...fanOut,
  committed(roomId, facts, seq) {
    fanOut.committed(roomId, facts, seq)
    if (isMeant('after the publication', facts)) die()
  },
})

const config = loadConfig({
  argv: [],
  env: process.env,
  cwd: process.cwd(),
  readFile: () => undefined,
})
const app = await startApp({
  config,
  version,
  webRoot: null,
  log: createLogger(config.log.level),
  open,
  wrapFanOut,
})
process.stdout.write(`Chatto Calls is on:  http://127.0.0.1:${app.port}\n`)
