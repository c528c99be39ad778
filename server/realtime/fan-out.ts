/** Which rooms are watched in this process, and how every change reaches their sockets. */
import type { Logger } from 'pino'
import type { LogFact } from '../../machines/room.facts.ts'
import type { RoomRecord, RoomStore } from '../../persistence/store.ts'
import type { CurrentKey } from '../calls/current-key.ts'
import { closeCodes, closeReasons } from '../protocol/live.ts'
import type { RoomViews } from '../rooms/room-views.ts'
import { createChannel, topicOf, type Channel } from './channel.ts'
import type { LiveSocket } from './live-socket.ts'
import { createRepairs, type Repairer } from './repairs.ts'

/** Told after each commit, sends to sockets by number. */
export interface FanOut {
  /**
   * Right after each commit, with its facts in order and the room's version after it. A gap to what
   * was sent last is read from the log.
   */
  committed(roomId: string, facts: LogFact[], version: number): void
  /** The room's name, visibility or owner changed, or it was deleted; sent after its facts. */
  roomChanged(room: RoomRecord): void
  /** These people are in a room that was made with them, without a fact: their sockets get `room`. */
  membersAdded(roomId: string, userIds: string[]): Promise<void>
  /** Ends the sockets of these sessions with 4403. */
  sessionsEnded(sessionIds: string[]): void
}

export interface FanOutDeps {
  now(): number
  rooms: RoomStore
  views: RoomViews
  publish(topic: string, message: string): void
  /** The key of the room's call and the sessions that are in it; null when none is on. */
  currentKey(roomId: string): Promise<CurrentKey | null>
  log: Logger
}

export interface SocketFanOut extends FanOut {
  readonly sockets: ReadonlySet<LiveSocket>
  /** Welcomes the socket with all rooms of its person, and lets it watch them. */
  open(socket: LiveSocket): Promise<void>
  close(socket: LiveSocket): void
  /** A message to it was dropped, for it does not keep up: nothing more is sent until it drained. */
  handleDropped(socket: LiveSocket): void
  /** It took everything that was sent: what it missed follows, as one current view a room (R48). */
  handleDrain(socket: LiveSocket): void
  /** It asked for these rooms and does not watch them: those that are not its person's are gone. */
  sendGone(socket: LiveSocket, roomIds: readonly string[]): void
  channel(roomId: string): Channel | undefined
  /** The version up to which this process committed or has seen all of a room; -1 when it knows none. */
  knownVersion(roomId: string): number
  /** Another process committed: what is missing is read from the log. */
  roomMoved(room: { roomId: string; version: number; seq: number }): void
  /** Lets local people watch the rooms that they gained elsewhere. */
  compareMemberships(userIds?: string[]): Promise<void>
  watchedRooms(): number
}

/** Versions remembered of rooms that nobody watches here. */
const versionsInMemory = 20_000

export function createFanOut(deps: FanOutDeps): SocketFanOut {
  const { rooms, views, log, now } = deps
  const channels = new Map<string, Channel>()
  const byUser = new Map<string, Set<LiveSocket>>()
  const sockets = new Set<LiveSocket>()
  const versions = new Map<string, number>()
  const repairs = createRepairs({ now })
  /** The rooms that were asked for last by who does not watch them. */
  const unwatched = new Map<LiveSocket, readonly string[]>()
  const unwatchedRepairer: Repairer = { repair: sendGoneUnwatched }

  const socketsOf = (userId: string): Iterable<LiveSocket> => byUser.get(userId) ?? []

  function channelOf(room: RoomRecord): Channel {
    const { roomId } = room
    const there = channels.get(roomId)
    if (there) return there
    const channel = createChannel(room, {
      rooms,
      views,
      repairs,
      publish: deps.publish,
      socketsOf,
      sendKey,
      failed,
      unused: forgetUnwatched,
    })
    channels.set(roomId, channel)
    // What was committed since that number was read reached no channel.
    channel.refresh()
    return channel
  }

  function forgetUnwatched(roomId: string): void {
    if (channels.get(roomId)?.isUnused()) channels.delete(roomId)
  }

  function setVersion(roomId: string, version: number): void {
    if (versions.size > versionsInMemory) versions.clear()
    versions.set(roomId, Math.max(version, versions.get(roomId) ?? -1))
  }

  async function sendKey(roomId: string, to: Iterable<LiveSocket>): Promise<void> {
    const key = await deps.currentKey(roomId)
    if (!key) return
    const { callId, keyEpoch, e2eeKey, sessionIds } = key
    for (const socket of to) {
      if (sessionIds.has(socket.sessionId)) {
        socket.send({ type: 'key', roomId, callId, keyEpoch, e2eeKey })
      }
    }
  }

  async function addMember(userId: string, roomId: string): Promise<void> {
    const summary = await rooms.find(roomId)
    if (!summary || summary.room.deletedAt !== null) return
    const channel = channelOf(summary.room)
    for (const socket of socketsOf(userId))
      if (!channel.sockets.has(socket)) channel.addMember(socket)
  }

  /** Who may have missed something comes back, and is told everything by its welcome (I5). */
  function failed(err: unknown, roomId: string, concerned: ReadonlySet<LiveSocket>): void {
    log.error({ err, roomId }, 'a room could not be published')
    for (const socket of concerned) socket.end(closeCodes.restarting, 'come back')
    // What could not be read may have told of somebody who gained the room.
    fanOut.compareMemberships().catch((error: unknown) => {
      log.error({ err: error }, 'memberships could not be compared')
    })
  }

  function reportIfFailed(
    work: Promise<void>,
    roomId: string,
    concerned: () => Iterable<LiveSocket>,
  ): void {
    work.catch((error: unknown) => failed(error, roomId, new Set(concerned())))
  }

  const fanOut: SocketFanOut = {
    sockets,
    channel: (roomId) => channels.get(roomId),
    knownVersion: (roomId) => versions.get(roomId) ?? -1,
    watchedRooms: () => channels.size,

    committed(roomId, facts, version) {
      // After a gap the next look at the database reads what another process committed before this.
      if (version === fanOut.knownVersion(roomId) + 1) setVersion(roomId, version)
      const channel = channels.get(roomId)
      if (channel?.isUnused()) {
        channels.delete(roomId)
      } else if (channel) {
        channel.handleCommitted(facts)
        return
      }
      for (const fact of facts) {
        if (fact.type === 'member.joined' && byUser.has(fact.userId)) {
          reportIfFailed(addMember(fact.userId, roomId), roomId, () => socketsOf(fact.userId))
        }
      }
    },

    roomChanged(room) {
      const channel = channels.get(room.roomId)
      if (!channel) return
      if (room.deletedAt === null) channel.sendRoomIfChanged()
      else channel.close()
    },

    async membersAdded(roomId, userIds) {
      for (const userId of userIds) if (byUser.has(userId)) await addMember(userId, roomId)
    },

    sessionsEnded(sessionIds) {
      const ended = new Set(sessionIds)
      for (const socket of [...sockets]) {
        if (ended.has(socket.sessionId)) {
          socket.end(closeCodes.sessionEnded, closeReasons.sessionEnded)
        }
      }
    },

    async open(socket) {
      sockets.add(socket)
      const summaries = await rooms.listOf(socket.userId)
      const welcome = await Promise.all(
        summaries.map(async (summary) => ({
          roomId: summary.room.roomId,
          seq: summary.room.seq,
          call: await views.toCall(summary),
        })),
      )
      if (!socket.isOpen()) return
      // Only now: while it was read, the person's last socket before this one may have closed, which forgets their set.
      const mine = byUser.get(socket.userId) ?? new Set()
      byUser.set(socket.userId, mine.add(socket))
      const { userId } = socket
      socket.send({ type: 'welcome', protocol: 1, userId, rooms: welcome, at: now() })
      for (const { room } of summaries) channelOf(room).watch(socket, room.seq)
      // What was gained while the welcome was being read.
      await fanOut.compareMemberships([socket.userId])
    },

    close(socket) {
      sockets.delete(socket)
      repairs.forget(socket)
      unwatched.delete(socket)
      const mine = byUser.get(socket.userId)
      mine?.delete(socket)
      if (mine?.size === 0) byUser.delete(socket.userId)
      for (const [roomId, watched] of [...socket.rooms]) {
        watched.unwatch(socket)
        forgetUnwatched(roomId)
      }
    },

    handleDropped(socket) {
      if (socket.behindSince !== null) return
      socket.behindSince = now()
      log.debug({ userId: socket.userId }, 'a socket does not keep up')
      // Later: uWebSockets says so in the middle of a publish, and a topic changed then kills the process.
      setImmediate(() => {
        if (socket.behindSince === null) return
        for (const roomId of socket.rooms.keys()) socket.unsubscribe(topicOf(roomId))
      })
    },

    handleDrain(socket) {
      if (socket.behindSince !== null) {
        const { added, removed } = socket.catchUp()
        for (const roomId of removed) socket.send({ type: 'room-gone', roomId })
        for (const [roomId, channel] of socket.rooms) channel.view(socket, added.has(roomId))
      }
      repairs.drained(socket)
    },

    sendGone(socket, roomIds) {
      unwatched.set(socket, roomIds)
      repairs.request(socket, unwatchedRepairer)
    },

    roomMoved({ roomId, version, seq }) {
      setVersion(roomId, version)
      const channel = channels.get(roomId)
      if (!channel) return
      channel.catchUp(seq)
      reportIfFailed(sendRoomIfChanged(channel), roomId, () => channel.sockets)
    },

    async compareMemberships(userIds = [...byUser.keys()]) {
      const actual = await rooms.roomIdsOf(userIds)
      for (const [userId, roomIds] of actual) {
        const now = new Set(roomIds)
        for (const socket of socketsOf(userId)) {
          for (const roomId of now) {
            if (!socket.rooms.has(roomId)) await addMember(userId, roomId)
          }
        }
      }
    },
  }
  return fanOut

  /** Of a room that was gained a moment ago the socket is about to be told. */
  async function sendGoneUnwatched(socket: LiveSocket): Promise<boolean> {
    const roomIds = unwatched.get(socket)
    if (!roomIds) return false
    unwatched.delete(socket)
    try {
      const mine = (await rooms.roomIdsOf([socket.userId])).get(socket.userId)
      for (const roomId of roomIds) {
        if (mine?.includes(roomId) || socket.rooms.has(roomId)) continue
        socket.send({ type: 'room-gone', roomId })
      }
    } catch (err) {
      log.error({ err }, 'a sync could not be answered')
      socket.end(closeCodes.restarting, 'come back')
    }
    return false
  }

  async function sendRoomIfChanged(channel: Channel): Promise<void> {
    const summary = await rooms.find(channel.roomId)
    if (!summary) return
    if (summary.room.deletedAt === null) channel.sendRoomIfChanged()
    else channel.close()
  }
}
