/** Writes answers: corked, once, never to a client that went away. */
import { STATUS_CODES } from 'node:http'
import type { AppError } from '../errors.ts'
import type { Exchange } from './request.ts'
import { apiContentSecurityPolicy, plainHeaders } from './security-headers.ts'

export type Header = readonly [string, string]

/** Small answers; a client that reads slowly gets the rest from uWebSockets' own buffer. */
export function answer(
  exchange: Exchange,
  status: number,
  headers: readonly Header[],
  body = '',
): void {
  if (exchange.isOver()) return
  const { res } = exchange
  res.cork(() => {
    writeHead(exchange, status, headers)
    if (status === 204 || status === 304) endBodiless(exchange)
    else if (exchange.isHead) res.endWithoutBody(Buffer.byteLength(body), exchange.mustClose())
    else res.end(body, exchange.mustClose())
  })
  exchange.answered(status)
}

/** 204 and 304 have neither a body nor its length: uWebSockets makes one of any first argument. */
function endBodiless({ res, mustClose }: Exchange): void {
  if (mustClose()) res.end('', true)
  else res.endWithoutBody()
}

/** Large ones: what a slow client has not taken yet stays in `body`, which all clients share. */
export function answerBytes(
  exchange: Exchange,
  status: number,
  headers: readonly Header[],
  body: Buffer,
): void {
  if (exchange.isOver()) return
  const { res } = exchange
  res.cork(() => {
    writeHead(exchange, status, headers)
    if (exchange.isHead) {
      res.endWithoutBody(body.length, exchange.mustClose())
      return
    }
    const [isAllTaken] = res.tryEnd(body, body.length)
    if (isAllTaken) return
    res.onWritable((offset) => {
      let isTaken = false
      res.cork(() => {
        ;[isTaken] = res.tryEnd(body.subarray(offset), body.length)
      })
      return isTaken
    })
  })
  exchange.answered(status)
}

export function answerJson(
  exchange: Exchange,
  status: number,
  value: unknown,
  headers: readonly Header[] = [],
): void {
  const fresh: readonly Header[] = [...headers, ...uncached]
  if (status === 204) answer(exchange, status, fresh)
  else answer(exchange, status, [...fresh, ...jsonHeaders], JSON.stringify(value))
}

/** With `Retry-After` (seconds) where the error says how long to wait. */
export function answerError(exchange: Exchange, error: AppError): void {
  const { code, message, details, status } = error
  answerJson(exchange, status, { error: { code, message, details } }, retryAfter(error))
}

/** Headers of answers under `/api`, which nobody keeps and no browser shows as a page. */
export const uncached: readonly Header[] = [
  ['cache-control', 'no-store'],
  ['content-security-policy', apiContentSecurityPolicy],
]
const jsonHeaders: readonly Header[] = [['content-type', 'application/json; charset=utf-8']]

function retryAfter({ status, details }: AppError): Header[] {
  if (status !== 429 && status !== 503) return []
  const waitMs = details['retryAfterMs']
  const seconds = Math.ceil((typeof waitMs === 'number' ? waitMs : 1000) / 1000)
  return [['retry-after', String(Math.max(1, seconds))]]
}

function writeHead({ res, requestId }: Exchange, status: number, headers: readonly Header[]): void {
  res.writeStatus(`${status} ${STATUS_CODES[status] ?? 'Unknown'}`)
  res.writeHeader('x-request-id', requestId)
  for (const [name, value] of plainHeaders) res.writeHeader(name, value)
  for (const [name, value] of headers) res.writeHeader(name, value)
}
