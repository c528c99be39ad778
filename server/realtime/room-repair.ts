/**
 * What single sockets miss of one room, and how they get it: off the room's topic, in parts of bounded
 * size, up to the number that was sent to all last. There it is on the topic again in the same moment, so
 * that no number is missed and none comes twice.
 */
import type { RoomStore, RoomSummary } from '../../persistence/store.ts'
import type { RoomViews } from '../rooms/room-views.ts'
import { toPage } from './facts-message.ts'
import type { LiveSocket } from './live-socket.ts'
import type { Repairs } from './repairs.ts'

export interface RoomRepairDeps {
  roomId: string
  rooms: Pick<RoomStore, 'factsAfter' | 'find' | 'isMember'>
  views: RoomViews
  repairs: Repairs
  /** Those who watch the room; a socket that is not among them is owed nothing. */
  sockets: ReadonlySet<LiveSocket>
  /** The number that was sent last to all who watch. */
  lastSent(): number
  untilSent(seq: number): Promise<void>
  sendKey(socket: LiveSocket): Promise<void>
  leaveTopic(socket: LiveSocket): void
  joinTopic(socket: LiveSocket): void
  /** It is no member any more. */
  unwatch(socket: LiveSocket): void
  failed(error: unknown, socket: LiveSocket): void
}

export interface RoomRepair {
  /** A client says what it has; what it said before does not count any more. */
  sync(socket: LiveSocket, have: number): void
  view(socket: LiveSocket, roomFirst: boolean): void
  /** It begins to watch, and was told the room's state up to this number. */
  welcomed(socket: LiveSocket, have: number): void
  /** It begins to watch, and is told of the room first. */
  memberAdded(socket: LiveSocket): void
  /** The room itself changed: true when the repair that is under way tells it. */
  roomChanged(socket: LiveSocket): boolean
  forget(socket: LiveSocket): void
}

interface PendingRepair {
  /** The number that the client has. */
  have: number
  /** The room itself is told first: the client has it from there. */
  room: boolean
  /** One current view is told in place of a backlog. */
  view: boolean
  /** It may have missed a rotation. */
  key: boolean
  /** Whether its person is still a member was not looked at yet (R3). */
  isNew: boolean
  /** Characters that went out so far. */
  sent: number
  /** Facts that are read at once: few until their size is known. */
  page: number
}

/** Beyond so many facts, or characters, a client gets one current view instead (R48). */
const maxBacklogFacts = 500
const maxBacklogLength = 256 * 1024
/** Of one part. What is live waits for no more than this. */
const maxPageLength = 64 * 1024
const firstPage = 8

export function createRoomRepair(deps: RoomRepairDeps): RoomRepair {
  const { roomId, rooms, views, sockets, lastSent } = deps
  const pending = new Map<LiveSocket, PendingRepair>()
  const repairer = { repair }

  function request(
    socket: LiveSocket,
    what: Partial<PendingRepair> & Pick<PendingRepair, 'have'>,
  ): void {
    const before = pending.get(socket)
    pending.set(socket, {
      ...what,
      room: (what.room ?? false) || (before?.room ?? false),
      view: (what.view ?? false) || (before?.view ?? false),
      key: (what.key ?? false) || (before?.key ?? false),
      isNew: (what.isNew ?? false) || (before?.isNew ?? false),
      sent: 0,
      page: before?.page ?? firstPage,
    })
    deps.leaveTopic(socket)
    deps.repairs.request(socket, repairer)
  }

  async function repair(socket: LiveSocket): Promise<boolean> {
    const mine = pending.get(socket)
    if (!mine) return false
    // It may have come back at the end of the repair before.
    deps.leaveTopic(socket)
    try {
      const left = await sendPart(socket, mine)
      // Something newer is asked for, or nothing any more.
      if (pending.get(socket) !== mine) return pending.has(socket)
      if (left && !isUpToDate(left)) {
        pending.set(socket, left)
        return true
      }
      pending.delete(socket)
      if (left && socket.behindSince === null) deps.joinTopic(socket)
    } catch (error) {
      pending.delete(socket)
      deps.failed(error, socket)
    }
    return false
  }

  const isUpToDate = ({ have, room, view }: PendingRepair) => !room && !view && have === lastSent()

  /** One part. Gives what is left to do; undefined when the socket does not watch any more. */
  async function sendPart(
    socket: LiveSocket,
    mine: PendingRepair,
  ): Promise<PendingRepair | undefined> {
    if (mine.isNew) {
      const isMember = await rooms.isMember(roomId, socket.userId)
      if (!sockets.has(socket)) return undefined
      if (!isMember) {
        deps.unwatch(socket)
        socket.send({ type: 'room-gone', roomId })
        return undefined
      }
    }
    const admitted: PendingRepair = { ...mine, isNew: false }
    if (mine.room || mine.view || mine.have > lastSent() || isFarBehind(mine)) {
      return sendState(socket, admitted)
    }
    return sendPage(socket, admitted)
  }

  const isFarBehind = ({ have, sent }: PendingRepair) =>
    lastSent() - have > maxBacklogFacts || (sent > maxBacklogLength && have < lastSent())

  async function sendState(
    socket: LiveSocket,
    mine: PendingRepair,
  ): Promise<PendingRepair | undefined> {
    const summary = await rooms.find(roomId)
    // Of its end everybody is told.
    if (!summary || summary.room.deletedAt !== null) return undefined
    // What the others have not been told yet, a removal for one, comes first.
    await deps.untilSent(summary.room.seq)
    if (!sockets.has(socket)) return undefined
    if (mine.room) return sendRoom(socket, mine, summary)
    if (mine.view || mine.have > lastSent() || isFarBehind(mine)) {
      return sendView(socket, mine, summary)
    }
    return mine
  }

  async function sendRoom(
    socket: LiveSocket,
    mine: PendingRepair,
    summary: RoomSummary,
  ): Promise<PendingRepair | undefined> {
    const room = await views.toRoom(summary, socket.userId, true)
    if (!sockets.has(socket)) return undefined
    socket.send({ type: 'room', room })
    return { ...mine, room: false, have: room.seq, sent: 0 }
  }

  async function sendView(
    socket: LiveSocket,
    mine: PendingRepair,
    summary: RoomSummary,
  ): Promise<PendingRepair | undefined> {
    const { seq } = summary.room
    const call = await views.toCall(summary)
    if (!sockets.has(socket)) return undefined
    socket.send({ type: 'view', roomId, seq, call })
    if (mine.key || mine.have < seq) await deps.sendKey(socket)
    return { ...mine, view: false, key: false, have: Math.min(seq, lastSent()), sent: 0 }
  }

  async function sendPage(
    socket: LiveSocket,
    mine: PendingRepair,
  ): Promise<PendingRepair | undefined> {
    const { have, page } = mine
    const missing = lastSent() - have
    if (missing === 0) return mine
    const facts = await rooms.factsAfter(roomId, have, Math.min(missing, page))
    if (!sockets.has(socket)) return undefined
    const { message, facts: some } = toPage(roomId, facts, views, maxPageLength)
    const last = some.at(-1)
    // The log holds less than was sent: another database than before.
    if (!last) return { ...mine, view: true }
    socket.sendText(message)
    if (some.some((fact) => fact.type === 'key.rotated')) await deps.sendKey(socket)
    return {
      ...mine,
      have: last.seq,
      sent: mine.sent + message.length,
      page: some.length < facts.length ? some.length : Math.min(maxBacklogFacts, page * 4),
    }
  }

  return {
    sync(socket, have) {
      if (have !== lastSent() || pending.has(socket)) request(socket, { have })
    },
    view: (socket, roomFirst) =>
      request(socket, { have: lastSent(), room: roomFirst, view: true, key: true }),
    welcomed: (socket, have) => request(socket, { have, isNew: true }),
    memberAdded: (socket) => request(socket, { have: lastSent(), room: true, isNew: true }),
    roomChanged(socket) {
      const mine = pending.get(socket)
      // Its backlog would come to a client that has the room from there already: a view instead.
      if (mine) request(socket, { have: mine.have, room: true, view: true })
      return mine !== undefined
    },
    forget: (socket) => void pending.delete(socket),
  }
}
