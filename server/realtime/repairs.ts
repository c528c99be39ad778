/**
 * Whose turn it is to be brought up to date. Repairs stand apart from what is live: a few at a time in
 * this process, each a bounded part of what one socket misses, and one person's sockets in turn with
 * everybody else's, so that many of them gain nothing.
 */
import type { LiveSocket } from './live-socket.ts'

/** What may owe a socket something. */
export interface Repairer {
  /** Gives it a bounded part; true when more is left. Never rejects. */
  repair(socket: LiveSocket): Promise<boolean>
}

export interface Repairs {
  /** The socket is owed something; what it is, its repairer knows. */
  request(socket: LiveSocket, repairer: Repairer): void
  /** It took what was sent to it. */
  drained(socket: LiveSocket): void
  /** It closed. */
  forget(socket: LiveSocket): void
}

/** Parts that are read at the same time. */
const atOnce = 2

export function createRepairs({ now }: { now(): number }): Repairs {
  /** By socket, who owes it something, in the order of their turns. */
  const pending = new Map<LiveSocket, Set<Repairer>>()
  /** By person, the sockets that wait for their turn. */
  const lanes = new Map<string, LiveSocket[]>()
  let running = 0

  function enqueue(socket: LiveSocket): void {
    const lane = lanes.get(socket.userId)
    if (lane) lane.push(socket)
    else lanes.set(socket.userId, [socket])
    while (running < atOnce && lanes.size > 0) void runNext()
  }

  function nextSocket(): LiveSocket | undefined {
    for (const [userId, lane] of lanes) {
      lanes.delete(userId)
      const socket = lane.shift()
      // The others of this person have their turn after everybody else.
      if (lane.length > 0) lanes.set(userId, lane)
      return socket
    }
    return undefined
  }

  async function runNext(): Promise<void> {
    const socket = nextSocket()
    if (!socket) return
    const repairers = pending.get(socket)
    const [repairer] = repairers ?? []
    if (!repairers || !repairer) return
    // Who has not taken the last part gets no next one: `drained` goes on.
    if (socket.behindSince !== null || socket.isCongested()) {
      socket.waitingSince ??= now()
      return
    }
    running += 1
    repairers.delete(repairer)
    const isMore = await repairer.repair(socket)
    running -= 1
    if (isMore) repairers.add(repairer)
    if (pending.get(socket) !== repairers) {
      // It closed meanwhile.
    } else if (repairers.size > 0) enqueue(socket)
    else pending.delete(socket)
    while (running < atOnce && lanes.size > 0) void runNext()
  }

  return {
    request(socket, repairer) {
      const repairers = pending.get(socket)
      if (repairers) {
        repairers.add(repairer)
        return
      }
      pending.set(socket, new Set([repairer]))
      enqueue(socket)
    },

    drained(socket) {
      if (socket.waitingSince === null) return
      socket.waitingSince = null
      if (pending.has(socket)) enqueue(socket)
    },

    forget(socket) {
      pending.delete(socket)
    },
  }
}
