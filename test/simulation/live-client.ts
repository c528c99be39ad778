/** A person's open app: watches the room over the live socket and follows it by number (R48). */
import type { WebSocket } from 'uWebSockets.js'
import { applyFact, type CallView } from '../../machines/call.view.ts'
import type { RoomFact } from '../../machines/room.facts.ts'
import type { ServerMessage } from '../../server/protocol/live.ts'
import type { Call } from '../../server/protocol/wire.ts'
import {
  createLiveSocket,
  type LiveSocket,
  type SocketData,
} from '../../server/realtime/live-socket.ts'
import type { SignedIn } from '../../server/services.ts'
import type { Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import type { SimulatedServer } from './server.ts'
import type { World } from './world.ts'

export interface LiveClient {
  /** What is shown; undefined while it is not known (not connected yet, or no member). */
  shown(): { seq: number; view: CallView | null } | undefined
  isConnected(): boolean
  /** Comes back by itself when the server and the network are there. */
  open(): void
  /** The socket breaks. */
  cut(): void
}

export interface LiveClientDeps {
  world: World
  random: Random
  ledger: Ledger
  roomId: string
  me: SignedIn
  /** Null while it cannot be reached. */
  server(): SimulatedServer | null
  isOnline(): boolean
  /** A call ended, as its fact says. */
  callEnded(callId: string): void
}

export function createLiveClient(deps: LiveClientDeps): LiveClient {
  const { world, random, ledger, roomId } = deps
  const { id: userId, displayName: name } = deps.me.user
  let shown: { seq: number; view: CallView | null } | undefined
  let current: { socket: LiveSocket; server: SimulatedServer; release(): void } | null = null
  let opening = false

  function toView(call: Call | null): CallView | null {
    if (!call) return null
    const { callId, startedAt, startedBy, confirmed, participants } = call
    return {
      callId,
      roomId,
      startedAt,
      startedBy,
      confirmed,
      participants: participants.map(({ userId, joinedAt, state }) => ({
        userId,
        joinedAt,
        state,
      })),
    }
  }

  /** I4: what is served is what the facts up to its number give. */
  function take(seq: number, call: Call | null): void {
    let view: CallView | null = null
    for (const fact of ledger.log.slice(0, seq)) view = applyFact(roomId, view, fact)
    shown = { seq, view: toView(call) }
    if (seq > ledger.log.length || !isSame(view, shown.view)) {
      world.fail(
        'I4',
        `${name} is served ${JSON.stringify(shown)}, the log gives ${JSON.stringify(view)}`,
      )
    }
  }

  function receive(text: string): void {
    const message = JSON.parse(text) as ServerMessage
    switch (message.type) {
      case 'welcome': {
        const room = message.rooms.find((one) => one.roomId === roomId)
        if (room) take(room.seq, room.call)
        else shown = undefined
        return
      }
      case 'room':
        take(message.room.seq, message.room.call)
        return
      case 'view':
        take(message.seq, message.call)
        return
      case 'room-gone':
        shown = undefined
        return
      case 'facts':
        for (const fact of message.facts) takeFact(fact as RoomFact & { seq: number })
        return
      default:
        return
    }
  }

  function takeFact(fact: RoomFact & { seq: number }): void {
    if (!isSame(fact, ledger.log[fact.seq - 1])) {
      world.fail('I5', `${name} is told ${JSON.stringify(fact)}, which is not committed`)
    }
    if (!shown || fact.seq <= shown.seq) return
    if (fact.seq > shown.seq + 1) {
      current?.socket.rooms.get(roomId)?.sync(current.socket, shown.seq)
      return
    }
    shown = { seq: fact.seq, view: applyFact(roomId, shown.view, fact) }
    if (fact.type === 'call.ended') deps.callEnded(fact.callId)
    if (fact.type === 'member.left' && fact.userId === userId) shown = undefined
  }

  function openSocket(server: SimulatedServer): void {
    const outbox: string[] = []
    const deliver = (text: string) => {
      outbox.push(text)
      world.after(random.between(1, 20), () => {
        const next = outbox.shift()
        if (next !== undefined && current?.socket === socket) receive(next)
      })
    }
    /** What the server uses of uWebSockets. */
    const ws = {
      send(text: string) {
        deliver(text)
        return 1
      },
      subscribe: (topic: string) => void server.topic(topic).add(deliver),
      unsubscribe: (topic: string) => void server.topic(topic).delete(deliver),
      end: () => client.cut(),
      close: () => client.cut(),
    }
    const socket = createLiveSocket(
      ws as unknown as WebSocket<SocketData>,
      deps.me,
      () => undefined,
    )
    current = { socket, server, release: () => server.forgetSocket(deliver) }
    server.fanOut.open(socket).catch(() => client.cut())
  }

  const client: LiveClient = {
    shown: () => shown,
    isConnected: () => current !== null,
    open() {
      if (opening) return
      opening = true
      const attempt = () => {
        const server = deps.server()
        if (!server || !deps.isOnline()) {
          world.after(random.between(300, 1_500), attempt)
          return
        }
        opening = false
        openSocket(server)
      }
      world.after(random.between(5, 500), attempt)
    },
    cut() {
      const broken = current
      if (!broken) return
      current = null
      broken.socket.closed()
      broken.release()
      if (!broken.server.generation.dead) broken.server.fanOut.close(broken.socket)
      client.open()
    },
  }
  return client
}

export function isSame(a: unknown, b: unknown): boolean {
  return stable(a) === stable(b)
}

/** JSON with keys in order. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
