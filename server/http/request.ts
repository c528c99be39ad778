/**
 * A request as handlers see it: uWebSockets' own is dead after the synchronous part, so everything is
 * copied first, and the body is capped while it arrives.
 */
import { randomUUID } from 'node:crypto'
import { SocketAddress } from 'node:net'
import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import { AppError } from '../errors.ts'

export interface RequestHead {
  method: string
  /** As sent, still percent-encoded. */
  path: string
  query: string
  headers: ReadonlyMap<string, string>
  /** The peer's address, without any proxy's word. */
  peerAddress: string
}

export function copyHead(res: HttpResponse, req: HttpRequest): RequestHead {
  const headers = new Map<string, string>()
  req.forEach((name, value) => {
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  })
  return {
    method: req.getCaseSensitiveMethod().toUpperCase(),
    path: req.getUrl(),
    query: req.getQuery() ?? '',
    headers,
    peerAddress: toPlainAddress(Buffer.from(res.getRemoteAddressAsText()).toString('latin1')),
  }
}

/** uWebSockets writes IPv6 at full length; a socket for both versions sees IPv4 as `…:ffff:7f00:0001`. */
function toPlainAddress(address: string): string {
  if (!address.includes(':')) return address
  return new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=.*\.)/, '')
}

/** One request and the answer to it. */
export interface Exchange {
  readonly res: HttpResponse
  readonly requestId: string
  /** HEAD: the answer goes without its body. */
  readonly isHead: boolean
  /** The client went away, or was answered: `res` may not be touched. */
  isOver(): boolean
  onAborted(listener: () => void): void
  /** More of the body may come than is worth swallowing: the answer closes the connection. */
  mustClose(): boolean
  bodyArrived(): void
  /** Called once by whoever writes the answer. */
  answered(status: number): void
  onAnswered(listener: (status: number) => void): void
}

/** So much of a refused body is swallowed, so that the client gets to read why. */
const swallowed = 1024 * 1024

/** Called at once, for uWebSockets wants `onAborted` in the handler's synchronous part. */
export function openExchange(res: HttpResponse, req: HttpRequest): Exchange {
  let over = false
  let bodyIsEndless =
    req.getHeader('transfer-encoding') !== '' || Number(req.getHeader('content-length')) > swallowed
  const abortListeners: (() => void)[] = []
  const answerListeners: ((status: number) => void)[] = []
  res.onAborted(() => {
    over = true
    abortListeners.forEach((listener) => listener())
  })
  return {
    res,
    requestId: randomUUID(),
    isHead: req.getMethod() === 'head',
    isOver: () => over,
    onAborted(listener) {
      abortListeners.push(listener)
    },
    mustClose: () => bodyIsEndless,
    bodyArrived() {
      bodyIsEndless = false
    },
    answered(status) {
      over = true
      answerListeners.forEach((listener) => listener(status))
    },
    onAnswered(listener) {
      answerListeners.push(listener)
    },
  }
}

/** The client went away: nobody waits for an answer. */
export class AbortedError extends Error {}

/**
 * Rejects with `too-large` as soon as more than `limit` bytes have arrived. Must be called in the
 * handler's synchronous part: uWebSockets gives the body only to who asks at once.
 */
export function readBody(exchange: Exchange, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let size = 0
    exchange.onAborted(() => reject(new AbortedError('the client went away')))
    exchange.res.onData((chunk, isLast) => {
      if (isLast) exchange.bodyArrived()
      size += chunk.byteLength
      if (size > limit) {
        chunks = []
        reject(new AppError('too-large', `the body is larger than ${limit} bytes`))
        return
      }
      // Copied, for the memory is uWebSockets' own and gone after this call.
      chunks.push(Buffer.from(chunk.slice(0)))
      if (isLast) resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
    })
  })
}
