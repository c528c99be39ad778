/** A person's open app: watches the room over the live socket and follows it by number (R48). */
import type { WebSocket } from 'uWebSockets.js'
import { applyFact, type CallView } from '../../machines/call.view.ts'
import type { RoomFact } from '../../machines/room.facts.ts'
import type { SignedIn } from '../../server/auth/signed-in.ts'
import { numbersToSync, type followFacts } from '../../server/protocol/follow-room.ts'
import type { ServerMessage } from '../../server/protocol/live.ts'
import type { Call } from '../../server/protocol/wire.ts'
import {
  createLiveSocket,
  type LiveSocket,
  type SocketData,
} from '../../server/realtime/live-socket.ts'
import type { Faults } from './faults.ts'
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
  line: Pick<Faults, 'losesMessage' | 'stuckMs'>
  /** The page's own rule, or what a planted bug makes of it. */
  follow: typeof followFacts
  /** A call ended, as its fact says. */
  callEnded(callId: string): void
}

const mostHeld = 2
/** A line that was stuck takes everything for so long. */
const restMs = 3_000

type NumberedFact = RoomFact & { seq: number }

export function createLiveClient(deps: LiveClientDeps): LiveClient {
  const { world, random, ledger, roomId } = deps
  const { displayName: name } = deps.me.user
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

  function take(seq: number, call: Call | null): void {
    check(seq, call)
    shown = { seq, view: toView(call) }
  }

  /** I4: what is served is what the facts up to its number give. */
  function check(seq: number, call: Call | null): void {
    let view: CallView | null = null
    for (const fact of ledger.log.slice(0, seq)) view = applyFact(roomId, view, fact)
    const served = toView(call)
    if (seq > ledger.log.length || !isSame(view, served)) {
      world.fail(
        'I4',
        `${name} is served ${JSON.stringify({ seq, view: served })}, the log gives ${JSON.stringify(view)}`,
      )
    }
  }

  function receive(text: string): void {
    const message = JSON.parse(text) as ServerMessage
    switch (message.type) {
      case 'welcome': {
        const room = message.rooms.find((one) => one.roomId === roomId)
        if (!room) shown = undefined
        else if (!shown) take(room.seq, room.call)
        else {
          // As a page that comes back: it keeps what it has, and asks from there.
          check(room.seq, room.call)
          const missing = numbersToSync({ [roomId]: shown.seq }, { [roomId]: room.seq })
          if (missing[roomId] !== undefined) sync(missing[roomId])
        }
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
        takeFacts(message.facts as NumberedFact[])
        return
      default:
        return
    }
  }

  function takeFacts(facts: readonly NumberedFact[]): void {
    for (const fact of facts) {
      if (!isSame(fact, ledger.log[fact.seq - 1])) {
        world.fail('I5', `${name} is told ${JSON.stringify(fact)}, which is not committed`)
      }
    }
    if (!shown) return
    const { next, syncFrom } = deps.follow(shown.seq, facts)
    for (const fact of next) {
      if (!shown) return
      if (fact.seq !== shown.seq + 1) {
        world.fail('R48', `${name}'s app takes number ${fact.seq} after ${shown.seq}`)
      }
      shown = { seq: fact.seq, view: applyFact(roomId, shown.view, fact) }
      if (fact.type === 'call.ended') deps.callEnded(fact.callId)
    }
    if (syncFrom !== null) sync(syncFrom)
  }

  function sync(have: number): void {
    current?.socket.rooms.get(roomId)?.sync(current.socket, have)
  }

  function openSocket(server: SimulatedServer): void {
    const outbox: string[] = []
    const deliver = (text: string) => {
      outbox.push(text)
      world.after(random.between(1, 20), () => {
        const next = outbox.shift()
        if (next === undefined || current?.socket !== socket) return
        // Only what something follows: that shows the gap, and nothing else would for 20 s.
        if (isFacts(next) && isFacts(outbox[0]) && deps.line.losesMessage()) {
          world.tell(name, `misses ${next.slice(0, 60)}…`)
          return
        }
        receive(next)
      })
    }
    /** What the line does not take now; beyond a few it is dropped. */
    const held: string[] = []
    let freeAt = -Infinity
    const isStuck = () => world.now() < freeAt
    const offer = (text: string): boolean => {
      const stuckMs = world.now() < freeAt + restMs ? 0 : deps.line.stuckMs()
      if (stuckMs > 0) {
        freeAt = world.now() + stuckMs
        world.after(stuckMs, () => {
          held.splice(0).forEach(deliver)
          if (current?.socket === socket) server.fanOut.handleDrain(socket)
        })
      }
      if (!isStuck()) deliver(text)
      else if (held.length < mostHeld) held.push(text)
      else return false
      return true
    }
    const publish = (text: string) => {
      if (offer(text)) return
      world.tell(name, 'reads too slowly: a message is dropped')
      server.fanOut.handleDropped(socket)
    }
    /** What the server uses of uWebSockets. */
    const ws = {
      send: (text: string) => (offer(text) ? 1 : 2),
      getBufferedAmount: () => held.length,
      subscribe: (topic: string) => void server.topic(topic).add(publish),
      unsubscribe: (topic: string) => void server.topic(topic).delete(publish),
      end: () => client.cut(),
      close: () => client.cut(),
    }
    const socket = createLiveSocket(
      ws as unknown as WebSocket<SocketData>,
      deps.me,
      server.fanOut.handleDropped,
    )
    current = { socket, server, release: () => server.forgetSocket(publish) }
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

const isFacts = (text: string | undefined) => text?.startsWith('{"type":"facts"') ?? false

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
