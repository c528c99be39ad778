/**
 * A request as handlers see it: uWebSockets' own is dead after the synchronous part, so everything is
 * copied first, and the body is capped while it arrives.
 */
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
    peerAddress: Buffer.from(res.getRemoteAddressAsText()).toString('latin1'),
  }
}

/** Whether the client is still there. Made at once, for uWebSockets wants `onAborted` in the handler. */
export interface Exchange {
  readonly res: HttpResponse
  isAborted(): boolean
  onAborted(listener: () => void): void
}

export function openExchange(res: HttpResponse): Exchange {
  let aborted = false
  const listeners: (() => void)[] = []
  res.onAborted(() => {
    aborted = true
    listeners.forEach((listener) => listener())
  })
  return {
    res,
    isAborted: () => aborted,
    onAborted(listener) {
      listeners.push(listener)
    },
  }
}

/** The client went away: nobody waits for an answer. */
export class AbortedError extends Error {}

/** Rejects with `too-large` as soon as more than `limit` bytes have arrived. */
export function readBody(exchange: Exchange, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let refused = false
    exchange.onAborted(() => reject(new AbortedError('the client went away')))
    exchange.res.onData((chunk, isLast) => {
      if (refused) return
      size += chunk.byteLength
      if (size > limit) {
        refused = true
        chunks.length = 0
        reject(new AppError('too-large', `the body is larger than ${limit} bytes`))
        return
      }
      // Copied, for the buffer is uWebSockets' own.
      chunks.push(Buffer.from(Buffer.from(chunk)))
      if (isLast) resolve(Buffer.concat(chunks))
    })
  })
}
