/**
 * What other processes committed: rooms that moved, memberships, sessions that ended. A cheap read
 * twice a second while anybody is connected.
 */
import type { Logger } from 'pino'
import type { Store } from '../../persistence/store.ts'
import type { AccountService } from '../auth/account-service.ts'
import { closeCodes, closeReasons } from '../protocol/live.ts'
import type { Clock } from '../time/clock.ts'
import { createRepeat, type Repeat } from '../time/repeat.ts'
import type { SocketFanOut } from './fan-out.ts'
import type { LiveSocket } from './live-socket.ts'

const everyMs = 500
/** A session that is in use is prolonged once a day; this is how often a socket asks. */
const prolongEveryMs = 60_000
/** A socket that does not drain for so long is cut. */
const maxBehindMs = 30_000

export function createCommitPoll({
  store,
  fanOut,
  prolong,
  clock,
  log,
}: {
  store: Pick<Store, 'rooms' | 'accounts'>
  prolong: AccountService['prolong']
  fanOut: SocketFanOut
  clock: Clock
  log: Logger
}): Pick<Repeat, 'start' | 'stop'> {
  const { now } = clock
  const prolongedAt = new WeakMap<LiveSocket, number>()
  /** The database's clock at the last look; null before the first. */
  let polledAt: number | null = null

  async function poll(): Promise<void> {
    endStaleSockets()
    if (fanOut.sockets.size === 0) {
      polledAt = null
      return
    }
    const at = await store.rooms.now()
    // The database's clock may have been set back since (R53).
    const since = Math.min(polledAt ?? at, at)
    const [moved, ended] = await Promise.all([
      store.rooms.changedSince(since),
      store.accounts.sessionsEndedSince(since),
    ])
    const news = moved.filter((room) => room.version > fanOut.knownVersion(room.roomId))
    // Nobody here watched when it may have gained somebody who is connected here.
    const wasUnwatched = news.some(({ roomId }) => {
      const channel = fanOut.channel(roomId)
      return !channel || channel.firstVersion > fanOut.knownVersion(roomId)
    })
    if (wasUnwatched) await fanOut.compareMemberships()
    news.forEach((room) => fanOut.roomMoved(room))
    fanOut.sessionsEnded(ended)
    polledAt = at
  }

  function endStaleSockets(): void {
    const at = now()
    for (const socket of [...fanOut.sockets]) {
      if (at - (prolongedAt.get(socket) ?? -Infinity) > prolongEveryMs) prolongSession(socket, at)
      const since = socket.behindSince ?? socket.waitingSince
      if (since !== null && at - since > maxBehindMs) socket.terminate()
    }
  }

  /** Who is connected uses their session: it goes on, or is over by now. */
  function prolongSession(socket: LiveSocket, at: number): void {
    prolongedAt.set(socket, at)
    prolong(socket.me)
      .then((me) => {
        if (me) socket.me = me
        else socket.end(closeCodes.sessionEnded, closeReasonOf(socket))
      })
      .catch((error: unknown) => {
        log.warn({ err: error }, 'a session in use could not be prolonged; trying again')
      })
  }

  function closeReasonOf({ me }: LiveSocket): string {
    return me.expiresAt <= now() ? closeReasons.sessionExpired : closeReasons.sessionEnded
  }

  return createRepeat({
    clock,
    nextAt: () => now() + everyMs,
    run: poll,
    onError: (error) => log.warn({ err: error }, 'other processes’ commits could not be read'),
  })
}
