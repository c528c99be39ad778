/**
 * One watched room: the sockets that watch it and the number that was sent to them last. Everything
 * goes out by number; what is not the very next number is read from the log. What one socket misses is
 * no business of this queue: `room-repair.ts` brings it up, and lets it watch again from there.
 */
import type { LogFact } from '../../machines/room.facts.ts'
import type { RoomRecord, RoomStore, RoomSummary } from '../../persistence/store.ts'
import type { Room } from '../protocol/wire.ts'
import type { RoomViews } from '../rooms/room-views.ts'
import { toFactsMessage } from './facts-message.ts'
import type { LiveSocket, WatchedRoom } from './live-socket.ts'
import type { Repairs } from './repairs.ts'
import { createRoomRepair } from './room-repair.ts'

export interface ChannelDeps {
  rooms: Pick<RoomStore, 'factsAfter' | 'find' | 'isMember'>
  views: RoomViews
  repairs: Repairs
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
  handleCommitted(facts: LogFact[]): void
  /** Reads whether the log holds more than was sent; for a channel that was just made. */
  refresh(): void
  /** Nobody watches, and nothing is under way. */
  isUnused(): boolean
  /** Another process committed up to this number. */
  catchUp(seq: number): void
  /** Lets a socket watch, from the number that it has. */
  watch(socket: LiveSocket, have: number): void
  /** Lets a socket watch a room that it gains: it is told of the room first. */
  addMember(socket: LiveSocket): void
  /** The room itself may have changed: those who watch are told if it did. */
  sendRoomIfChanged(): void
  /** The room is gone: everybody is told, after its facts. */
  close(): void
}

const factsPerRead = 500

export const topicOf = (roomId: string) => `room/${roomId}`

export function createChannel(room: RoomRecord, deps: ChannelDeps): Channel {
  const { rooms, views } = deps
  const { roomId, seq } = room
  const topic = topicOf(roomId)
  const sockets = new Set<LiveSocket>()
  const tasks: { work: () => Promise<void> | void; about: readonly LiveSocket[] }[] = []
  let lastSent = seq
  /** What is known to be committed. */
  let known = seq
  let running = false
  /** What was told last of the room itself. */
  let lastDescription = describe(room)
  /** The last rotation whose key was sent. */
  let rotatedAt = seq
  let keys: 'sent' | 'sending' | 'sending, and asked for again' = 'sent'

  const repair = createRoomRepair({
    roomId,
    rooms,
    views,
    repairs: deps.repairs,
    lastSent: () => lastSent,
    sockets,
    untilSent,
    sendKey: (socket) => deps.sendKey(roomId, [socket]),
    leaveTopic: (socket) => socket.unsubscribe(topic),
    joinTopic: (socket) => socket.subscribe(topic),
    unwatch(socket) {
      unwatch(socket)
      if (sockets.size === 0) deps.unused(roomId)
    },
    failed: (error, socket) => deps.failed(error, roomId, new Set([socket])),
  })

  /** `about`: sockets that do not watch yet, and are to be told. */
  function enqueue(work: () => Promise<void> | void, about: readonly LiveSocket[] = []): void {
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

  const isQuiet = () => !running && tasks.length === 0

  /** Sends what the log holds beyond the last number. */
  async function sendFromLog(upTo = known): Promise<void> {
    while (lastSent < upTo) {
      const count = Math.min(upTo - lastSent, factsPerRead)
      const facts = await rooms.factsAfter(roomId, lastSent, count)
      if (facts.length === 0) return
      sendFacts(facts)
    }
  }

  function catchUp(seq: number): void {
    if (seq <= lastSent) return
    known = Math.max(known, seq)
    enqueue(() => sendFromLog())
  }

  /** Resolves when everything up to this number was sent to those who watch, as far as the log has it. */
  async function untilSent(seq: number): Promise<void> {
    catchUp(seq)
    if (!isQuiet()) await new Promise<void>((resolve) => enqueue(resolve))
  }

  /** Membership splits a message: subscriptions change in the order of the log. */
  function sendFacts(facts: LogFact[]): void {
    let run: LogFact[] = []
    for (const fact of facts) {
      // A task that waited may have sent some of them already.
      if (fact.seq <= lastSent) continue
      if (fact.type === 'member.left') {
        publish(run)
        run = []
        for (const socket of [...sockets]) {
          if (socket.userId === fact.userId) removeMember(socket)
        }
      }
      run.push(fact)
      if (fact.type === 'member.joined') {
        publish(run)
        run = []
        for (const socket of [...deps.socketsOf(fact.userId)]) addMember(socket)
      }
    }
    publish(run)
  }

  function publish(facts: LogFact[]): void {
    const last = facts.at(-1)
    if (!last) return
    lastSent = last.seq
    known = Math.max(known, lastSent)
    if (sockets.size === 0) return
    sendKeysOf(facts)
    deps.publish(topic, toFactsMessage(roomId, facts, views))
  }

  /** A rotated key waits for no facts: nobody hears anything new without it. */
  function sendKeysOf(facts: LogFact[]): void {
    const rotated = facts.findLast((fact) => fact.type === 'key.rotated')
    if (!rotated || rotated.seq <= rotatedAt) return
    rotatedAt = rotated.seq
    if (keys === 'sent') void sendKeys()
    else keys = 'sending, and asked for again'
  }

  async function sendKeys(): Promise<void> {
    do {
      keys = 'sending'
      try {
        await deps.sendKey(roomId, sockets)
      } catch (error) {
        deps.failed(error, roomId, new Set(sockets))
      }
    } while (isAskedAgain())
    keys = 'sent'
  }

  const isAskedAgain = () => keys === 'sending, and asked for again'

  /** The room as it is, with everything up to it sent to those who watch. */
  async function current(): Promise<RoomSummary | undefined> {
    const summary = await rooms.find(roomId)
    if (!summary || summary.room.deletedAt !== null) return undefined
    const { seq } = summary.room
    known = Math.max(known, seq)
    await sendFromLog(seq)
    return summary
  }

  async function sendRoom(watching: readonly LiveSocket[], summary: RoomSummary): Promise<void> {
    let room: Room | undefined
    for (const socket of watching) {
      // Made once; only a direct message has another name for each of its two.
      if (!room || summary.room.kind === 'dm') {
        room = await views.toRoom(summary, socket.userId, true)
      }
      if (sockets.has(socket)) socket.send({ type: 'room', room })
    }
  }

  function addMember(socket: LiveSocket): void {
    if (sockets.has(socket)) return
    add(socket)
    repair.memberAdded(socket)
  }

  function add(socket: LiveSocket): void {
    sockets.add(socket)
    socket.rooms.set(roomId, channel)
  }

  function removeMember(socket: LiveSocket): void {
    unwatch(socket)
    socket.send({ type: 'room-gone', roomId })
  }

  function unwatch(socket: LiveSocket): void {
    repair.forget(socket)
    sockets.delete(socket)
    socket.rooms.delete(roomId)
    socket.unsubscribe(topic)
  }

  const channel: Channel = {
    roomId,
    sockets,
    firstVersion: room.version,
    get lastSent() {
      return lastSent
    },

    handleCommitted(facts) {
      const last = facts.at(-1)
      if (!last) return
      if (isQuiet() && facts[0]?.seq === lastSent + 1) {
        sendFacts(facts)
        if (sockets.size === 0) deps.unused(roomId)
        return
      }
      known = Math.max(known, last.seq)
      sendKeysOf(facts)
      enqueue(
        () => sendFromLog(),
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
    catchUp,

    watch(socket, have) {
      add(socket)
      // Nothing is missing: from here on every number reaches it.
      if (have === lastSent) socket.subscribe(topic)
      else repair.welcomed(socket, have)
    },

    addMember,
    unwatch,
    sync: repair.sync,
    view: repair.view,

    sendRoomIfChanged() {
      enqueue(async () => {
        const summary = await current()
        if (!summary || describe(summary.room) === lastDescription) return
        lastDescription = describe(summary.room)
        const watching = [...sockets].filter((socket) => !repair.roomChanged(socket))
        await sendRoom(watching, summary)
      })
    },

    close() {
      enqueue(async () => {
        await sendFromLog()
        for (const socket of [...sockets]) removeMember(socket)
      })
    },
  }
  return channel
}

/** All that a room message tells and no fact does. */
const describe = ({ name, visibility, ownerId }: RoomRecord) =>
  JSON.stringify([name, visibility, ownerId])
