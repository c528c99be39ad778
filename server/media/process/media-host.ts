/**
 * The media process's end of the socket: takes the web process that carries signalling, goes on
 * while it is away, and ends when nobody comes back.
 */
import type { Socket } from 'node:net'
import type { TwirpAnswer, TwirpRequest } from '../api/twirp.ts'
import {
  createFrameReader,
  encodeMessage,
  encodeSignal,
  linkVersion,
  type Frame,
  type FromMediaProcess,
  type MediaProcessConfig,
  type ToMediaProcess,
  type WebhookTarget,
} from '../link/messages.ts'
import { SignalRefused, type SignalSession } from '../link/signal.ts'
import { createLinkSocket } from './link-socket.ts'
import type { MediaServer } from './media-server.ts'

/** What the host carries; made once, when the configuration has come. */
export interface HostedMedia {
  server: MediaServer
  setWebhookTarget(target: WebhookTarget): void
  answerTwirp(request: TwirpRequest): TwirpAnswer
  close(): Promise<void>
}

export interface MediaHostDeps {
  socketPath: string
  /** What it throws is told to the web process; then the process ends. */
  create(config: MediaProcessConfig): Promise<HostedMedia>
  /** A web process that is away this long does not come back. */
  awayMs: number
  /** Called once; everything is closed. */
  ended(): void
  warn(fields: object, message: string): void
}

export interface MediaHost {
  /** Rejects when the socket cannot be made. */
  listen(): Promise<void>
  /** A line of the log, for the web process's own; false when nobody is there. */
  log(line: string): boolean
  end(): Promise<void>
}

interface Carrier {
  socket: Socket
  sessions: Map<number, SignalSession>
  /** Not yet among them. */
  opening: Set<number>
}

/** More than this waiting to be read means that the web process hangs. */
const maxUnreadBytes = 64 * 1024 * 1024

export function createMediaHost(deps: MediaHostDeps): MediaHost {
  const { socketPath, warn } = deps
  let media: HostedMedia | null = null
  let configHash: string | null = null
  let webhooks: WebhookTarget = { urls: [], certificate: null }
  /** Whoever attached last; others that only ask are no carriers. */
  let carrier: Carrier | null = null
  let awayTimer = setTimeout(() => void end(), deps.awayMs)
  let ending: Promise<void> | null = null
  const linkSocket = createLinkSocket(socketPath, accept)

  function accept(socket: Socket): void {
    const read = createFrameReader<ToMediaProcess>()
    const me: Carrier = { socket, sessions: new Map(), opening: new Set() }
    send(me, { type: 'status', linkVersion, pid: process.pid, configHash })
    socket.on('data', (chunk) => {
      try {
        for (const frame of read(chunk)) receive(me, frame)
      } catch (error) {
        warn({ err: error }, 'the web process says what is not understood')
        socket.destroy()
      }
    })
    socket.on('error', () => undefined)
    socket.on('close', () => disconnected(me))
  }

  function receive(from: Carrier, frame: Frame<ToMediaProcess>): void {
    if (frame.kind === 'signal') {
      from.sessions.get(frame.id)?.receive(frame.data)
      return
    }
    const { message } = frame
    switch (message.type) {
      case 'configure':
        configure(from, message.config, message.configHash)
        return
      case 'attach':
        attach(from, message.webhooks)
        return
      case 'open':
        from.opening.add(message.id)
        void (media?.server.refreshAddresses() ?? Promise.resolve()).then(() => {
          // The client may be gone by now.
          if (from.opening.delete(message.id)) open(from, message)
        })
        return
      case 'closed': {
        const session = from.sessions.get(message.id)
        from.opening.delete(message.id)
        from.sessions.delete(message.id)
        session?.closed()
        return
      }
      case 'twirp':
        twirp(from, message)
        return
      case 'ping':
        send(from, {
          type: 'pong',
          stats: media?.server.stats() ?? {
            rooms: 0,
            participants: 0,
            packetsIn: 0,
            packetsOut: 0,
          },
        })
        return
      case 'bye':
        if (carrier === from) detach()
        // Nothing in it is worth waiting for.
        if (!media || media.server.stats().rooms === 0) void end()
        return
      case 'end':
        void end()
        return
      default:
        return message satisfies never
    }
  }

  function configure(from: Carrier, config: MediaProcessConfig, hash: string): void {
    if (configHash !== null) return
    configHash = hash
    deps.create(config).then(
      (made) => {
        media = made
        made.setWebhookTarget(webhooks)
        // Asked to attach, or to end, meanwhile.
        if (ending) void made.close()
        else if (carrier) send(carrier, { type: 'attached' })
      },
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        from.socket.end(encodeMessage({ type: 'failed', message }), () => void end())
      },
    )
  }

  function attach(from: Carrier, target: WebhookTarget): void {
    const before = carrier
    carrier = from
    clearTimeout(awayTimer)
    if (before && before !== from) {
      media?.server.carrierAway()
      closeSessions(before)
      send(before, { type: 'superseded' })
      before.socket.destroySoon()
    }
    webhooks = target
    media?.setWebhookTarget(webhooks)
    media?.server.carrierBack()
    if (media) send(from, { type: 'attached' })
  }

  function open(from: Carrier, message: Extract<ToMediaProcess, { type: 'open' }>): void {
    const { id, path, query, grants } = message
    if (!media || carrier !== from) {
      send(from, { type: 'refused', id, status: 503, message: 'not ready' })
      return
    }
    // What the core says before it has taken the connection goes after the word that it did.
    let queued: Buffer[] | null = []
    const sendBytes = (bytes: Buffer) => {
      if (queued) queued.push(bytes)
      else if (carrier === from) write(from, bytes)
    }
    let isClosed = false
    const peer = {
      send(data: Uint8Array) {
        if (!isClosed) sendBytes(encodeSignal(id, data))
      },
      close(code: number, reason: string) {
        if (isClosed) return
        isClosed = true
        from.sessions.delete(id)
        sendBytes(encodeMessage({ type: 'close', id, code, reason }))
      },
    }
    try {
      const session = media.server.connect({ path, query, grants }, peer)
      if (!isClosed) from.sessions.set(id, session)
      send(from, { type: 'opened', id })
      const messages = queued
      queued = null
      messages.forEach(sendBytes)
    } catch (error) {
      if (!(error instanceof SignalRefused))
        warn({ err: error }, 'a connection could not be opened')
      const refusal =
        error instanceof SignalRefused
          ? { status: error.status, message: error.message }
          : { status: 500, message: 'something went wrong here' }
      send(from, { type: 'refused', id, ...refusal })
    }
  }

  function twirp(from: Carrier, message: Extract<ToMediaProcess, { type: 'twirp' }>): void {
    const { id, method, path, authorization, contentType, body } = message
    let answer: TwirpAnswer
    try {
      if (!media) return refuseTwirp(from, id, 503, 'unavailable', 'not ready')
      answer = media.answerTwirp({
        method,
        path,
        authorization: authorization ?? undefined,
        contentType,
        body: Buffer.from(body, 'base64'),
      })
    } catch (error) {
      warn({ err: error }, 'a RoomService request failed')
      return refuseTwirp(from, id, 500, 'internal', 'something went wrong here')
    }
    send(from, {
      type: 'twirp',
      id,
      status: answer.status,
      contentType: answer.contentType,
      body: Buffer.from(answer.body).toString('base64'),
    })
  }

  function refuseTwirp(from: Carrier, id: number, status: number, code: string, msg: string): void {
    const body = Buffer.from(JSON.stringify({ code, msg })).toString('base64')
    send(from, { type: 'twirp', id, status, contentType: 'application/json', body })
  }

  function disconnected(who: Carrier): void {
    if (carrier === who) detach()
    closeSessions(who)
  }

  /** The core hears of it before it hears of each lost socket, which are no loss yet. */
  function detach(): void {
    const who = carrier
    if (!who) return
    carrier = null
    media?.server.carrierAway()
    closeSessions(who)
    clearTimeout(awayTimer)
    awayTimer = setTimeout(() => void end(), deps.awayMs)
  }

  function closeSessions({ sessions }: Carrier): void {
    const open = [...sessions.values()]
    sessions.clear()
    open.forEach((session) => session.closed())
  }

  function send(to: Carrier, message: FromMediaProcess): void {
    write(to, encodeMessage(message))
  }

  function write({ socket }: Carrier, bytes: Buffer): void {
    if (socket.destroyed || socket.writableEnded) return
    socket.write(bytes)
    if (socket.writableLength > maxUnreadBytes) socket.destroy()
  }

  function end(): Promise<void> {
    clearTimeout(awayTimer)
    ending ??= (async () => {
      linkSocket.remove()
      await media?.close()
      deps.ended()
    })()
    return ending
  }

  return {
    listen: linkSocket.listen,
    log(line) {
      if (!carrier || carrier.socket.destroyed) return false
      send(carrier, { type: 'log', line })
      return true
    },
    end,
  }
}
