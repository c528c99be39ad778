/**
 * One watched room: the sockets that watch it and the number that was sent to them last. Everything
 * goes out by number; what is not the very next number is read from the log. Tasks run one after the
 * other, so that no number is missed or doubled on any socket.
 */
import type { LogFact } from '../../machines/room.facts.ts'
import type { RoomRecord, RoomStore, RoomSummary } from '../../persistence/store.ts'
import type { ServerMessage } from '../protocol/live.ts'
import type { RoomViews } from '../services.ts'
import type { LiveSocket, WatchedRoom } from './live-socket.ts'

export interface ChannelDeps {
  rooms: Pick<RoomStore, 'factsAfter' | 'find' | 'isMember'>
  views: RoomViews
  /** One serialisation for all who watch. */
  publish(topic: string, message: string): void
  socketsOf(userId: string): Iterable<LiveSocket>
  /** Gives the call's present key to those of the sockets whose sessions are in it (R45). */
  sendKey(roomId: string, sockets: Iterable<LiveSocket>): Promise<void>
  /** These sockets may have missed something: a welcome repairs it. */
  failed(error: unknown, roomId: string, concerned: ReadonlySet<LiveSocket>): void
  /** Nobody watches any more. */
  unused(roomId: string): void
}

export interface Channel extends WatchedRoom {
  readonly roomId: string
  readonly sockets: ReadonlySet<LiveSocket>
  /** The room's version when it began to be watched: nothing is known here of what was before. */
  readonly firstVersion: number
  /** Facts of a commit. Sent at once when they are the next ones and nothing else is under way. */
  take(facts: LogFact[]): void
  /** Reads whether the log holds more than was sent; for a channel that was just made. */
  refresh(): void
  /** Nobody watches, and nothing is under way. */
  isUnused(): boolean
  /** Another process committed up to this number. */
  catchUp(seq: number): void
  /** Lets a socket watch, from the number that it has. */
  watch(socket: LiveSocket, have: number): void
  /** Lets a socket watch a room that it gains: it is told of the room first. */
  gain(socket: LiveSocket): void
  /** The room itself may have changed: those who watch are told if it did. */
  tellRoom(): void
  /** The room is gone: everybody is told, after its facts. */
  close(): void
}

/** Beyond so many facts a client gets one current view instead (R48). */
const longestBacklog = 500
const factsPerRead = 500

export const topicOf = (roomId: string) => `room/${roomId}`

export function createChannel(room: RoomRecord, deps: ChannelDeps): Channel {
  const { rooms, views } = deps
  const { roomId, seq } = room
  const sockets = new Set<LiveSocket>()
  const tasks: { work: () => Promise<void>; about: readonly LiveSocket[] }[] = []
  let lastSent = seq
  /** What is known to be committed. */
  let known = seq
  let running = false
  /** What was told last of the room itself. */
  let told = describe(room)

  /** `about`: sockets that do not watch yet, and are to be told. */
  function enqueue(work: () => Promise<void>, about: readonly LiveSocket[] = []): void {
    tasks.push({ work, about })
    if (!running) void run()
  }

  async function run(): Promise<void> {
    running = true
    for (let task = tasks.shift(); task; task = tasks.shift()) {
      try {
        await task.work()
      } catch (error) {
        deps.failed(error, roomId, new Set([...sockets, ...task.about]))
      }
    }
    running = false
    if (sockets.size === 0) deps.unused(roomId)
  }

  /** Sends what the log holds beyond the last number. */
  async function sendFromLog(): Promise<void> {
    while (lastSent < known) {
      const facts = await rooms.factsAfter(roomId, lastSent, factsPerRead)
      if (facts.length === 0) return
      await sendFacts(facts)
    }
  }

  /** Membership splits a message: subscriptions change in the order of the log. */
  async function sendFacts(facts: LogFact[]): Promise<void> {
    let run: LogFact[] = []
    for (const fact of facts) {
      if (fact.seq <= lastSent) continue
      if (fact.type === 'member.left') {
        publish(run)
        run = []
        for (const socket of [...sockets]) {
          if (socket.userId === fact.userId) lose(socket)
        }
      }
      run.push(fact)
      if (fact.type === 'member.joined') {
        publish(run)
        run = []
        for (const socket of [...deps.socketsOf(fact.userId)]) {
          if (!sockets.has(socket)) await tryToGain(socket)
        }
      }
    }
    publish(run)
  }

  function publish(facts: LogFact[]): void {
    // A task that waited may have sent some of them already.
    const fresh =
      facts[0] && facts[0].seq > lastSent ? facts : facts.filter((f) => f.seq > lastSent)
    const last = fresh.at(-1)
    if (!last) return
    lastSent = last.seq
    if (known < lastSent) known = lastSent
    if (sockets.size === 0) return
    deps.publish(topicOf(roomId), toFactsMessage(roomId, fresh, views))
    if (fresh.some((fact) => fact.type === 'key.rotated')) {
      enqueue(() => deps.sendKey(roomId, sockets))
    }
  }

  /** What fails for one does not keep the others waiting. */
  async function tryToGain(socket: LiveSocket): Promise<void> {
    try {
      await tellGained(socket)
    } catch (error) {
      deps.failed(error, roomId, new Set([socket]))
    }
  }

  async function tellGained(socket: LiveSocket): Promise<void> {
    const summary = await current()
    if (!summary) return
    const room = await views.toRoom(summary, socket.userId, true)
    if (!(await isStillMember(socket)) || !socket.isOpen()) return
    socket.send({ type: 'room', room: { ...room, seq: lastSent } })
    subscribe(socket)
  }

  /** The room as it is, with everything up to it sent to those who watch. */
  async function current(): Promise<RoomSummary | undefined> {
    const summary = await rooms.find(roomId)
    if (!summary || summary.room.deletedAt !== null) return undefined
    if (summary.room.seq > lastSent) {
      known = Math.max(known, summary.room.seq)
      await sendFacts(await rooms.factsAfter(roomId, lastSent, summary.room.seq - lastSent))
    }
    return summary
  }

  /** Who left while this was under way does not watch (R3). */
  async function isStillMember(socket: LiveSocket): Promise<boolean> {
    const isMember = await rooms.isMember(roomId, socket.userId)
    if (!isMember) socket.rooms.delete(roomId)
    return isMember
  }

  function subscribe(socket: LiveSocket): void {
    sockets.add(socket)
    socket.rooms.set(roomId, channel)
    if (socket.behindSince === null) socket.subscribe(topicOf(roomId))
  }

  function lose(socket: LiveSocket): void {
    unwatch(socket)
    socket.send({ type: 'room-gone', roomId })
  }

  function unwatch(socket: LiveSocket): void {
    sockets.delete(socket)
    socket.rooms.delete(roomId)
    socket.unsubscribe(topicOf(roomId))
  }

  async function sendBacklog(socket: LiveSocket, have: number): Promise<void> {
    if (have === lastSent) return
    if (have > lastSent || lastSent - have > longestBacklog) {
      await sendView(socket)
      return
    }
    const facts = await rooms.factsAfter(roomId, have, lastSent - have)
    if (facts.length > 0) socket.sendText(toFactsMessage(roomId, facts, views))
  }

  async function sendView(socket: LiveSocket): Promise<void> {
    const summary = await current()
    if (!summary) return
    const call = await views.toCall(summary)
    socket.send({ type: 'view', roomId, seq: summary.room.seq, call })
  }

  async function sendRoom(socket: LiveSocket, summary: RoomSummary): Promise<void> {
    const room = await views.toRoom(summary, socket.userId, true)
    socket.send({ type: 'room', room: { ...room, seq: summary.room.seq } })
  }

  const isQuiet = () => !running && tasks.length === 0

  const channel: Channel = {
    roomId,
    sockets,
    firstVersion: room.version,
    get lastSent() {
      return lastSent
    },

    take(facts) {
      const last = facts.at(-1)
      if (!last) return
      const isNext = facts[0]?.seq === lastSent + 1
      const movesMembers = facts.some(
        ({ type }) => type === 'member.joined' || type === 'member.left',
      )
      if (isQuiet() && isNext && !movesMembers) {
        publish(facts)
        return
      }
      known = Math.max(known, last.seq)
      enqueue(
        sendFromLog,
        facts.flatMap((fact) =>
          fact.type === 'member.joined' ? [...deps.socketsOf(fact.userId)] : [],
        ),
      )
    },

    refresh() {
      enqueue(async () => {
        await current()
      })
    },

    isUnused: () => sockets.size === 0 && isQuiet(),

    catchUp(seq) {
      if (seq <= lastSent) return
      known = Math.max(known, seq)
      enqueue(sendFromLog)
    },

    watch(socket, have) {
      // Nothing is under way and nothing is missing: from here on every number reaches it.
      if (isQuiet() && have === lastSent) {
        subscribe(socket)
        return
      }
      socket.rooms.set(roomId, channel)
      enqueue(async () => {
        known = Math.max(known, have)
        await sendFromLog()
        if (!(await isStillMember(socket))) {
          socket.send({ type: 'room-gone', roomId })
          return
        }
        await sendBacklog(socket, have)
        if (socket.isOpen()) subscribe(socket)
      }, [socket])
    },

    gain(socket) {
      enqueue(async () => {
        await sendFromLog()
        if (!sockets.has(socket)) await tellGained(socket)
      }, [socket])
    },

    unwatch,

    sync(socket, have) {
      if (isQuiet() && have === lastSent) return
      enqueue(async () => {
        if (have > lastSent) await current()
        if (sockets.has(socket)) await sendBacklog(socket, have)
      })
    },

    view(socket, toldFirst) {
      enqueue(async () => {
        if (!sockets.has(socket)) return
        const summary = toldFirst ? await current() : undefined
        if (summary) await sendRoom(socket, summary)
        await sendView(socket)
        // A rotation may be among what it missed.
        await deps.sendKey(roomId, [socket])
        if (socket.behindSince === null) socket.subscribe(topicOf(roomId))
      })
    },

    tellRoom() {
      enqueue(async () => {
        await sendFromLog()
        const summary = await current()
        if (!summary || describe(summary.room) === told) return
        told = describe(summary.room)
        for (const socket of [...sockets]) await sendRoom(socket, summary)
      })
    },

    close() {
      enqueue(async () => {
        await sendFromLog()
        for (const socket of [...sockets]) lose(socket)
      })
    },
  }
  return channel
}

/** All that a room message tells and no fact does. */
const describe = ({ name, visibility, ownerId }: RoomRecord) =>
  JSON.stringify([name, visibility, ownerId])

function toFactsMessage(roomId: string, facts: LogFact[], views: RoomViews): string {
  return JSON.stringify({
    type: 'facts',
    roomId,
    seq: facts.at(-1)?.seq ?? 0,
    facts: facts.map(views.toFact),
  } satisfies ServerMessage)
}
