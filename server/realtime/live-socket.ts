/** One person's socket: what it watches, and how it is sent to. */
import type { WebSocket } from 'uWebSockets.js'
import type { SignedIn } from '../auth/signed-in.ts'
import type { ServerMessage } from '../protocol/live.ts'

/** Told by 4401. */
export interface NotSignedIn {
  why: string
}

/** What uWebSockets keeps with a socket. */
export interface SocketData {
  readonly authentication: Promise<SignedIn | NotSignedIn>
  /** Null until the session is known. */
  socket: LiveSocket | null
  /** What it said before it was welcomed; null from then on. */
  early: Frame[] | null
  isOver: boolean
}

export interface Frame {
  data: ArrayBuffer
  isBinary: boolean
}

export function newSocketData(authentication: SocketData['authentication']): SocketData {
  return { authentication, socket: null, early: [], isOver: false }
}

/** A room as its sockets know it; `channel.ts` implements it. */
export interface WatchedRoom {
  readonly lastSent: number
  unwatch(socket: LiveSocket): void
  /** What a client that has everything up to `have` misses: facts, a view, or nothing. */
  sync(socket: LiveSocket, have: number): void
  /** One current view instead of a backlog. `roomFirst`: the room itself, too. */
  view(socket: LiveSocket, roomFirst: boolean): void
}

export interface LiveSocket {
  readonly userId: string
  readonly sessionId: string
  /** Its session; replaced when that is given more time. */
  me: SignedIn
  /** The rooms that it watches. */
  readonly rooms: Map<string, WatchedRoom>
  /** Since when it has lost messages because it reads too slowly; it gets views once it drained. */
  behindSince: number | null
  /** Since when it is owed something and does not take what was sent before. */
  waitingSince: number | null
  /** Malformed messages so far. */
  strikes: number
  /** Messages in the present second. */
  messages: { second: number; count: number }
  isOpen(): boolean
  /** Something that was sent to it is still here. */
  isCongested(): boolean
  send(message: ServerMessage): void
  sendText(message: string): void
  subscribe(topic: string): void
  unsubscribe(topic: string): void
  /** Not behind any more; gives the rooms of which it missed that they came, changed or went. */
  catchUp(): { added: ReadonlySet<string>; removed: ReadonlySet<string> }
  end(code: number, reason: string): void
  /** At once, for who reads nothing would not read a close code either. */
  terminate(): void
  /** Called by the server when uWebSockets closed it. */
  closed(): void
}

/** `onDropped`: a message was dropped because the socket does not keep up. */
export function createLiveSocket(
  ws: WebSocket<SocketData>,
  me: SignedIn,
  onDropped: (socket: LiveSocket) => void,
): LiveSocket {
  let open = true
  let added = new Set<string>()
  let removed = new Set<string>()

  /** A view tells everything but these. */
  function recordMissed(message: ServerMessage): void {
    if (message.type === 'room') {
      added.add(message.room.id)
      removed.delete(message.room.id)
    } else if (message.type === 'room-gone') {
      removed.add(message.roomId)
      added.delete(message.roomId)
    }
  }

  const socket: LiveSocket = {
    userId: me.user.id,
    sessionId: me.sessionId,
    me,
    rooms: new Map(),
    behindSince: null,
    waitingSince: null,
    strikes: 0,
    messages: { second: 0, count: 0 },
    isOpen: () => open,
    isCongested: () => open && ws.getBufferedAmount() > 0,
    send(message) {
      socket.sendText(JSON.stringify(message))
      if (socket.behindSince !== null) recordMissed(message)
    },
    sendText(message) {
      if (!open || socket.behindSince !== null) return
      const dropped = 2
      if (ws.send(message) === dropped) onDropped(socket)
    },
    subscribe(topic) {
      if (open) ws.subscribe(topic)
    },
    unsubscribe(topic) {
      if (open) ws.unsubscribe(topic)
    },
    catchUp() {
      const missed = { added, removed }
      added = new Set()
      removed = new Set()
      socket.behindSince = null
      return missed
    },
    end(code, reason) {
      if (!open) return
      open = false
      ws.end(code, reason)
    },
    terminate() {
      if (!open) return
      open = false
      ws.close()
    },
    closed() {
      open = false
    },
  }
  return socket
}
