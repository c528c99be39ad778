/** The WebSocket `/api/live` on uWebSockets.js: what it may say, what it misses, how it ends. */
import type { Logger } from 'pino'
import type { TemplatedApp, WebSocket } from 'uWebSockets.js'
import type { Store } from '../../persistence/store.ts'
import type { CurrentKey } from '../calls/current-key.ts'
import {
  clientMessageSchema,
  closeCodes,
  type ClientMessage,
  type LiveErrorCode,
} from '../protocol/live.ts'
import type { RoomViews } from '../rooms/room-views.ts'
import { createClock } from '../time/clock.ts'
import { createCommitPoll } from './commit-poll.ts'
import { createFanOut, type FanOut } from './fan-out.ts'
import { createLiveSocket, type Frame, type LiveSocket, type SocketData } from './live-socket.ts'
import { createUpgrade, type UpgradeDeps } from './upgrade.ts'

export interface LiveDeps {
  store: Store
  views: RoomViews
  accounts: UpgradeDeps['accounts']
  currentKey(roomId: string): Promise<CurrentKey | null>
  origins: UpgradeDeps['origins']
  hints: UpgradeDeps['hints']
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

const maxFrameBytes = 64 * 1024
/** Above the frame limit, so that a frame beyond it is ours to answer (1009); uWebSockets only cuts. */
const maxPayloadBytes = 1024 * 1024
const maxBackpressure = 1024 * 1024
const maxStrikes = 5
/** Rooms in one sync that are not the person's. */
const maxUnknownRooms = 1_000
/** Messages that wait for the welcome. */
const maxEarlyFrames = 100

export function createLive(deps: LiveDeps): Live {
  const { log, now } = deps
  let app: TemplatedApp | null = null
  const fanOut = createFanOut({
    now,
    rooms: deps.store.rooms,
    views: deps.views,
    publish: (topic, message) => app?.publish(topic, message),
    currentKey: deps.currentKey,
    log,
  })
  const upgrade = createUpgrade(deps)
  const commitPoll = createCommitPoll({
    store: deps.store,
    fanOut,
    prolong: (me) => deps.accounts().prolong(me),
    clock: createClock(now),
    log,
  })

  function handleFrame(socket: LiveSocket, { data, isBinary }: Frame): void {
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
          at: now(),
        })
        return
      case 'sync':
        sync(socket, message.rooms)
        return
      default:
        return message satisfies never
    }
  }

  function sync(socket: LiveSocket, rooms: Readonly<Record<string, number>>): void {
    const unknown: string[] = []
    for (const [roomId, have] of Object.entries(rooms)) {
      const channel = socket.rooms.get(roomId)
      if (channel) channel.sync(socket, have)
      else unknown.push(roomId)
    }
    if (unknown.length === 0) return
    if (unknown.length > maxUnknownRooms) {
      strike(socket, 'invalid-message')
      return
    }
    fanOut.sendGone(socket, unknown)
  }

  function strike(socket: LiveSocket, code: LiveErrorCode): void {
    socket.strikes += 1
    socket.send({ type: 'error', code })
    if (socket.strikes >= maxStrikes) {
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

  async function welcome(ws: WebSocket<SocketData>, data: SocketData): Promise<void> {
    const me = await data.authentication
    if (data.isOver) return
    if ('why' in me) {
      endBefore(ws, data, closeCodes.notSignedIn, me.why)
      return
    }
    const socket = createLiveSocket(ws, me, fanOut.handleDropped)
    data.socket = socket
    await fanOut.open(socket)
    const { early } = data
    data.early = null
    for (const frame of early ?? []) if (socket.isOpen()) handleFrame(socket, frame)
  }

  /** Ends one that may not be signed in yet. */
  function endBefore(
    ws: WebSocket<SocketData>,
    data: SocketData,
    code: number,
    reason: string,
  ): void {
    if (data.socket) data.socket.end(code, reason)
    else if (!data.isOver) ws.end(code, reason)
    data.isOver = true
  }

  function receiveFrame(ws: WebSocket<SocketData>, frame: Frame): void {
    const data = ws.getUserData()
    if (data.isOver) return
    const { early, socket } = data
    if (frame.data.byteLength > maxFrameBytes) {
      endBefore(ws, data, closeCodes.tooLarge, 'the message is too large')
    } else if (early && early.length >= maxEarlyFrames) {
      endBefore(ws, data, closeCodes.tooManyMessages, 'too many messages')
    } else if (early) {
      // Copied, for the memory is uWebSockets' own and gone after this call.
      early.push({ ...frame, data: frame.data.slice(0) })
    } else if (socket?.isOpen()) {
      handleFrame(socket, frame)
    }
  }

  return {
    fanOut,
    stats: () => ({ sockets: fanOut.sockets.size, watchedRooms: fanOut.watchedRooms() }),

    mount(uws) {
      app = uws
      uws.ws<SocketData>('/api/live', {
        maxPayloadLength: maxPayloadBytes,
        maxBackpressure,
        idleTimeout: 60,
        sendPingsAutomatically: true,

        upgrade(res, req, context) {
          guarded(() => upgrade(res, req, context))
        },

        open(ws) {
          const data = ws.getUserData()
          welcome(ws, data).catch((error: unknown) => {
            log.error({ err: error }, 'a socket could not be welcomed')
            guarded(() => endBefore(ws, data, closeCodes.restarting, 'come back'))
          })
        },
        message(ws, data, isBinary) {
          guarded(() => receiveFrame(ws, { data, isBinary }))
        },
        dropped(ws) {
          guarded(() => {
            const { socket } = ws.getUserData()
            if (socket) fanOut.handleDropped(socket)
          })
        },
        drain(ws) {
          guarded(() => {
            const { socket } = ws.getUserData()
            if (socket && !socket.isCongested()) fanOut.handleDrain(socket)
          })
        },
        close(ws) {
          guarded(() => {
            const data = ws.getUserData()
            data.isOver = true
            const { socket } = data
            if (!socket) return
            socket.closed()
            fanOut.close(socket)
          })
        },
      })
    },

    start: () => commitPoll.start(),

    async close() {
      await commitPoll.stop()
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
    return result.success ? result.data : undefined
  } catch {
    return undefined
  }
}
