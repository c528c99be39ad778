/**
 * The embedded media server on uWebSockets.js: signalling under `/livekit`, RoomService under `/twirp`.
 * Open to every host and origin, as LiveKit is: the token says who may do what, and no cookie counts.
 */
import { STATUS_CODES } from 'node:http'
import type { Logger } from 'pino'
import type { HttpResponse, TemplatedApp, WebSocket } from 'uWebSockets.js'
import { AppError } from '../errors.ts'
import {
  SignalRefused,
  type CarriedSignal,
  type MediaCarrier,
  type SignalArrival,
  type SignalPath,
} from '../media/media-carrier.ts'
import { answer, answerBytes, answerError, type Header } from './answer.ts'
import { asksToUpgrade, type ProxyHints } from './proxy-hints.ts'
import {
  AbortedError,
  copyHead,
  openExchange,
  readBody,
  type Exchange,
  type RequestHead,
} from './request.ts'

export interface MediaRouteDeps {
  carrier: MediaCarrier
  /** Of who stands in front; nobody does before the internal door. */
  hints?: ProxyHints
  now(): number
  log: Logger
}

/** What uWebSockets keeps with a client's socket. */
interface MediaSocket {
  signal: CarriedSignal
  /** Gives the socket to who upgraded it. */
  opened(ws: WebSocket<MediaSocket>): void
  isOpen: boolean
  /** Frames in the present second. */
  frames: { second: number; count: number }
}

/** A call of eight with all their tracks needs a tenth of it. */
const maxFrameBytes = 512 * 1024
const maxBackpressure = 1024 * 1024
/** A client that finds its way sends some dozens. */
const maxFramesPerSecond = 300
const maxRequestBytes = 1024 * 1024
const brokeTheRules = 1008

export function mountMedia(app: TemplatedApp, deps: MediaRouteDeps): void {
  const { carrier, log } = deps
  mountSignal(app, '/rtc', deps)
  mountSignal(app, '/rtc/v1', deps)

  // Some clients keep the path of LiveKit's url, some drop it.
  for (const prefix of ['', '/livekit']) {
    handle(`${prefix}/twirp/*`, (exchange, head) => {
      answerTwirp(exchange, head, head.path.slice(prefix.length))
    })
  }

  function answerTwirp(exchange: Exchange, head: RequestHead, path: string): void {
    const isPreflight = head.method === 'OPTIONS' && asksFirst(head)
    if (isPreflight) {
      answer(exchange, 204, preflightHeaders(head))
      return
    }
    const body = head.method === 'POST' ? readBody(exchange, maxRequestBytes) : Buffer.alloc(0)
    const asked = Promise.resolve(body).then((bytes) =>
      carrier.twirp({
        method: head.method,
        path,
        authorization: head.headers.get('authorization'),
        contentType: head.headers.get('content-type') ?? '',
        body: bytes,
      }),
    )
    asked.then(
      ({ status, contentType, body: bytes }) =>
        answerBytes(
          exchange,
          status,
          [['content-type', contentType], ['cache-control', 'no-store'], ...corsHeaders(head)],
          Buffer.from(bytes),
        ),
      (error: unknown) => {
        if (error instanceof AbortedError) return
        if (!(error instanceof AppError)) log.error({ err: error }, 'a RoomService request failed')
        answerError(
          exchange,
          error instanceof AppError ? error : new AppError('unavailable', 'something went wrong'),
        )
      },
    )
  }

  for (const path of ['/rtc', '/rtc/v1'] as const) {
    handle(`/livekit${path}/validate`, (exchange, head) => {
      if (head.method === 'OPTIONS' && asksFirst(head)) {
        answer(exchange, 204, preflightHeaders(head))
        return
      }
      const { status, text } = carrier.validate(toArrival(path, head))
      const headers = corsHeaders(head).filter(([name]) => name !== 'access-control-allow-origin')
      answer(
        exchange,
        status,
        [...plainText, ['access-control-allow-origin', '*'], ...headers],
        text,
      )
    })
  }
  // What came as no WebSocket.
  handle('/livekit/*', (exchange, head) => {
    answer(exchange, 404, [...plainText, ...corsHeaders(head)], '404 page not found\n')
  })

  /** What a handler throws must not reach uWebSockets: it would end the process. */
  function handle(path: string, work: (exchange: Exchange, head: RequestHead) => void): void {
    app.any(path, (res, req) => {
      const exchange = openExchange(res, req)
      try {
        work(exchange, copyHead(res, req))
      } catch (error) {
        log.error({ err: error }, 'a media handler failed')
        answerError(exchange, new AppError('unavailable', 'something went wrong here; try again'))
      }
    })
  }
}

const plainText: Header[] = [
  ['content-type', 'text/plain; charset=utf-8'],
  ['cache-control', 'no-store'],
]

function asksFirst(head: RequestHead): boolean {
  return head.headers.has('origin') && head.headers.has('access-control-request-method')
}

/** LiveKit names every origin that asks. */
function corsHeaders({ headers }: RequestHead): Header[] {
  const origin = headers.get('origin')
  if (origin === undefined) return [['vary', 'Origin']]
  return [
    ['vary', 'Origin'],
    ['access-control-allow-origin', origin],
    ['access-control-expose-headers', '*'],
  ]
}

function preflightHeaders({ headers }: RequestHead): Header[] {
  const asked = headers.get('access-control-request-headers')
  return [
    ['vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'],
    ['access-control-allow-origin', headers.get('origin') ?? '*'],
    ['access-control-allow-methods', headers.get('access-control-request-method') ?? 'GET'],
    ...(asked === undefined ? [] : [['access-control-allow-headers', asked] as const]),
    ['access-control-max-age', '86400'],
  ]
}

function toArrival(path: SignalPath, { query, headers }: RequestHead): SignalArrival {
  return { path, query, authorization: headers.get('authorization') ?? '' }
}

function mountSignal(app: TemplatedApp, path: SignalPath, deps: MediaRouteDeps): void {
  const { carrier, log, now } = deps
  app.ws<MediaSocket>(`/livekit${path}`, {
    maxPayloadLength: maxFrameBytes,
    maxBackpressure,
    closeOnBackpressureLimit: 1,
    idleTimeout: 120,
    sendPingsAutomatically: true,

    upgrade(res, req, context) {
      const head = copyHead(res, req)
      if (!asksToUpgrade(head)) {
        deps.hints?.socketIsPlain(head)
        answer(openExchange(res, req), 404, plainText, '404 page not found\n')
        return
      }
      const key = req.getHeader('sec-websocket-key')
      const protocol = req.getHeader('sec-websocket-protocol')
      const extensions = req.getHeader('sec-websocket-extensions')
      let isAborted = false
      res.onAborted(() => {
        isAborted = true
      })
      carrier.openSignal(toArrival(path, head)).then(
        (signal) => {
          if (isAborted) {
            signal.closed()
            return
          }
          const upgraded: WebSocket<MediaSocket>[] = []
          const data: MediaSocket = {
            signal,
            opened: (ws) => void upgraded.push(ws),
            isOpen: true,
            frames: { second: 0, count: 0 },
          }
          res.cork(() => res.upgrade(data, key, protocol, extensions, context))
          guarded(() => upgraded.forEach(start))
        },
        (error: unknown) => {
          if (!isAborted) refuse(res, error)
        },
      )
    },

    // Nothing else may happen before `cork` returns: where the socket keeps its place in memory,
    // uWebSockets looks there for the HTTP request that it was, and what was written over it may tell
    // it to close.
    open(ws) {
      ws.getUserData().opened(ws)
    },

    message(ws, data, isBinary) {
      guarded(() => {
        const { signal, isOpen } = ws.getUserData()
        if (!isOpen) return
        if (isFlood(ws.getUserData())) ws.end(brokeTheRules, 'too many messages')
        // Copied by the relay; text is what no client of today sends.
        else if (isBinary) signal.receive(new Uint8Array(data))
      })
    },

    close(ws) {
      guarded(() => {
        const data = ws.getUserData()
        data.isOpen = false
        data.signal.closed()
      })
    },
  })

  function start(ws: WebSocket<MediaSocket>): void {
    // uWebSockets' own copy of what was given with the upgrade.
    const data = ws.getUserData()
    if (!data.isOpen) return
    data.signal.start({
      send(frame) {
        if (data.isOpen) ws.send(frame, true)
      },
      close(code, reason) {
        if (!data.isOpen) return
        data.isOpen = false
        ws.end(code, reason)
      },
    })
  }

  function isFlood({ frames }: MediaSocket): boolean {
    const second = Math.floor(now() / 1000)
    if (frames.second !== second) {
      frames.second = second
      frames.count = 0
    }
    frames.count += 1
    return frames.count > maxFramesPerSecond
  }

  function refuse(res: HttpResponse, error: unknown): void {
    if (!(error instanceof SignalRefused))
      log.error({ err: error }, 'signalling could not be opened')
    const { status, message } =
      error instanceof SignalRefused ? error : { status: 500, message: 'something went wrong here' }
    res.cork(() => {
      res.writeStatus(`${status} ${STATUS_CODES[status] ?? ''}`)
      for (const [name, value] of plainText) res.writeHeader(name, value)
      res.writeHeader('access-control-allow-origin', '*')
      res.end(message)
    })
  }

  /** An error that is thrown out of a handler would end the process. */
  function guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      log.error({ err: error }, 'a signalling handler failed')
    }
  }
}
