/** The WebSocket `/api/live` on uWebSockets.js: what it may say, what it misses, how it ends. */
import type { Logger } from 'pino'
import type { TemplatedApp, WebSocket } from 'uWebSockets.js'
import type { Store } from '../../persistence/store.ts'
import { createClock } from '../clock.ts'
import {
  clientMessageSchema,
  closeCodes,
  type ClientMessage,
  type LiveErrorCode,
} from '../protocol/live.ts'
import type { CurrentKey, FanOut, RoomViews } from '../services.ts'
import { topicOf } from './channel.ts'
import { createElsewhere } from './elsewhere.ts'
import { createFanOut } from './fan-out.ts'
import { createLiveSocket, type LiveSocket, type SocketData } from './live-socket.ts'
import { createUpgrade, type UpgradeDeps } from './upgrade.ts'

export interface LiveDeps {
  store: Store
  views: RoomViews
  accounts: UpgradeDeps['accounts']
  currentKey(roomId: string): Promise<CurrentKey | null>
  origins: UpgradeDeps['origins']
  /** 0: no limit. */
  messagesPerSecond: number
  now(): number
  log: Logger
}

export interface Live {
  fanOut: FanOut
  mount(app: TemplatedApp): void
  start(): void
  /** Sockets are told to come back (1012). */
  close(): Promise<void>
  stats(): { sockets: number; watchedRooms: number }
}

const largestFrame = 64 * 1024
/** Above the frame limit, so that a frame beyond it is ours to answer (1009); uWebSockets only cuts. */
const uwsLimit = 1024 * 1024
const maxBackpressure = 1024 * 1024
const mostStrikes = 5
const mostRoomsOfASync = 1_000

export function createLive(deps: LiveDeps): Live {
  const { log, now } = deps
  let app: TemplatedApp | null = null
  const fanOut = createFanOut({
    rooms: deps.store.rooms,
    views: deps.views,
    publish: (topic, message) => app?.publish(topic, message),
    currentKey: deps.currentKey,
    log,
  })
  const upgrade = createUpgrade(deps)
  const elsewhere = createElsewhere({ store: deps.store, fanOut, clock: createClock(now), log })

  function lost(socket: LiveSocket): void {
    if (socket.behindSince !== null) return
    socket.behindSince = now()
    log.debug({ userId: socket.userId }, 'a socket does not keep up')
    // Later: uWebSockets says so in the middle of a publish, and a topic changed then kills the process.
    setImmediate(() => {
      if (socket.behindSince === null) return
      for (const roomId of socket.rooms.keys()) socket.unsubscribe(topicOf(roomId))
    })
  }

  /** Everything that it missed, as one current view a room (R48). */
  function drained(socket: LiveSocket): void {
    if (socket.behindSince === null) return
    const { gained, gone } = socket.catchUp()
    for (const roomId of gone) socket.send({ type: 'room-gone', roomId })
    for (const [roomId, channel] of socket.rooms) channel.view(socket, gained.has(roomId))
  }

  function take(socket: LiveSocket, data: ArrayBuffer, isBinary: boolean): void {
    if (data.byteLength > largestFrame) {
      socket.end(closeCodes.tooLarge, 'the message is too large')
      return
    }
    if (isBeyondLimit(socket)) {
      socket.end(closeCodes.tooManyMessages, 'too many messages')
      return
    }
    const message = isBinary ? undefined : parse(data)
    if (!message) {
      strike(socket, 'invalid-message')
      return
    }
    switch (message.type) {
      case 'ping':
        socket.send({
          type: 'pong',
          rooms: Object.fromEntries(
            [...socket.rooms].map(([roomId, channel]) => [roomId, channel.lastSent]),
          ),
        })
        return
      case 'sync':
        for (const [roomId, have] of Object.entries(message.rooms)) {
          const channel = socket.rooms.get(roomId)
          if (channel) channel.sync(socket, have)
          else socket.send({ type: 'room-gone', roomId })
        }
        return
      default:
        return message satisfies never
    }
  }

  function strike(socket: LiveSocket, code: LiveErrorCode): void {
    socket.strikes += 1
    socket.send({ type: 'error', code })
    if (socket.strikes >= mostStrikes) {
      socket.end(closeCodes.brokeTheRules, 'too many malformed messages')
    }
  }

  function isBeyondLimit({ messages }: LiveSocket): boolean {
    if (deps.messagesPerSecond === 0) return false
    const second = Math.floor(now() / 1000)
    if (messages.second !== second) {
      messages.second = second
      messages.count = 0
    }
    messages.count += 1
    return messages.count > deps.messagesPerSecond
  }

  function opened(ws: WebSocket<SocketData>): void {
    const data = ws.getUserData()
    if (!data.me) {
      ws.end(closeCodes.notSignedIn, 'not signed in')
      return
    }
    const socket = createLiveSocket(ws, data.me, lost)
    data.socket = socket
    fanOut.open(socket).catch((error: unknown) => {
      log.error({ err: error }, 'a socket could not be welcomed')
      socket.end(closeCodes.restarting, 'come back')
    })
  }

  return {
    fanOut,
    stats: () => ({ sockets: fanOut.sockets.size, watchedRooms: fanOut.watchedRooms() }),

    mount(uws) {
      app = uws
      uws.ws<SocketData>('/api/live', {
        maxPayloadLength: uwsLimit,
        maxBackpressure,
        idleTimeout: 60,
        sendPingsAutomatically: true,

        upgrade(res, req, context) {
          guarded(() => upgrade(res, req, context))
        },

        open(ws) {
          guarded(() => opened(ws))
        },
        message(ws, data, isBinary) {
          guarded(() => {
            const { socket } = ws.getUserData()
            if (socket) take(socket, data, isBinary)
          })
        },
        dropped(ws) {
          guarded(() => {
            const { socket } = ws.getUserData()
            if (socket) lost(socket)
          })
        },
        drain(ws) {
          guarded(() => {
            const { socket } = ws.getUserData()
            if (socket && ws.getBufferedAmount() === 0) drained(socket)
          })
        },
        close(ws) {
          guarded(() => {
            const { socket } = ws.getUserData()
            if (!socket) return
            socket.closed()
            fanOut.close(socket)
          })
        },
      })
    },

    start: () => elsewhere.start(),

    async close() {
      await elsewhere.stop()
      for (const socket of [...fanOut.sockets]) {
        socket.end(closeCodes.restarting, 'the server is restarting')
      }
    },
  }

  /** An error that is thrown out of a handler would end the process. */
  function guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      log.error({ err: error }, 'a socket’s handler failed')
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse(data: ArrayBuffer): ClientMessage | undefined {
  try {
    const text = utf8.decode(data)
    // The schema would pass it over.
    if (text.includes('"__proto__"')) return undefined
    const result = clientMessageSchema.safeParse(JSON.parse(text))
    if (!result.success) return undefined
    const message = result.data
    const isTooMuch =
      message.type === 'sync' && Object.keys(message.rooms).length > mostRoomsOfASync
    return isTooMuch ? undefined : message
  } catch {
    return undefined
  }
}
