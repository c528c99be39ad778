/** Writes answers: corked, once, never to a client that went away. */
import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { AppError } from '../errors.ts'
import type { Exchange } from './request.ts'
import { plainHeaders } from './security-headers.ts'

export type Header = readonly [string, string]

export function answer(
  { res, isAborted }: Pick<Exchange, 'res' | 'isAborted'>,
  status: number,
  headers: readonly Header[],
  body?: string | Buffer,
): void {
  if (isAborted()) return
  res.cork(() => {
    res.writeStatus(`${status} ${STATUS_CODES[status] ?? 'Unknown'}`)
    for (const [name, value] of plainHeaders) res.writeHeader(name, value)
    for (const [name, value] of headers) res.writeHeader(name, value)
    if (body === undefined || status === 204 || status === 304) res.endWithoutBody()
    else res.end(body)
  })
}

export function answerJson(
  exchange: Pick<Exchange, 'res' | 'isAborted'>,
  status: number,
  value: unknown,
  headers: readonly Header[] = [],
): void {
  if (status === 204) {
    answer(exchange, status, [['cache-control', 'no-store'], ...headers])
    return
  }
  answer(
    exchange,
    status,
    [['content-type', 'application/json; charset=utf-8'], ['cache-control', 'no-store'], ...headers],
    JSON.stringify(value),
  )
}

/** With `Retry-After` (seconds) where the error says how long to wait. */
export function answerError(
  exchange: Pick<Exchange, 'res' | 'isAborted'>,
  error: AppError,
  headers: readonly Header[] = [],
): void {
  const { code, message, details, status } = error
  const waitMs = details['retryAfterMs']
  const retry: Header[] =
    status === 429 || status === 503
      ? [['retry-after', String(Math.max(1, Math.ceil((typeof waitMs === 'number' ? waitMs : 1000) / 1000)))]]
      : []
  // A body that is still arriving is not read to its end.
  const close: Header[] = status === 413 ? [['connection', 'close']] : []
  answerJson(exchange, status, { error: { code, message, details } }, [...retry, ...close, ...headers])
}

export function newNonce(): string {
  return randomBytes(16).toString('base64')
}
