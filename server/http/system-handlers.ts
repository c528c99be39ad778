/** What is not under `/api`: LiveKit's webhooks, health, metrics. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Logger } from 'pino'
import { AppError } from '../errors.ts'
import { isLoopback } from '../load-config.ts'
import type { WebhookService } from '../services.ts'
import { answer, answerError, answerJson } from './answer.ts'
import type { Metrics } from './metrics.ts'
import type { Origins } from './origins.ts'
import { AbortedError, readBody, type Exchange, type RequestHead } from './request.ts'

const largestWebhook = 1024 * 1024

/** R21, R22: raw body, bare JWT; 200 only after the commit, 503 so that LiveKit tries again. */
export function createWebhookHandler(
  webhooks: WebhookService,
  log: Logger,
): (exchange: Exchange, head: RequestHead) => void {
  return (exchange, head) => {
    if (!webhooks.enabled) {
      answerJson(exchange, 200, null)
      return
    }
    const type = (head.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
    if (type !== 'application/webhook+json') {
      answerError(
        exchange,
        new AppError('unsupported-media-type', 'webhooks are application/webhook+json'),
      )
      return
    }
    readBody(exchange, largestWebhook)
      .then((body) => {
        if (body.length === 0) throw new AppError('invalid-request', 'the body is empty')
        return webhooks.receive(body, head.headers.get('authorization'))
      })
      .then(
        () => answerJson(exchange, 200, {}),
        (error: unknown) => {
          if (error instanceof AbortedError) return
          if (error instanceof AppError) {
            answerError(exchange, error)
            return
          }
          log.error({ err: error }, 'a webhook failed')
          answerError(exchange, new AppError('unavailable', 'the report could not be stored'))
        },
      )
  }
}

export interface HealthDeps {
  ping(): Promise<void>
  livekitState(): string
}

export function createHealthHandlers({ ping, livekitState }: HealthDeps) {
  return {
    healthz: (exchange: Exchange) => answerJson(exchange, 200, { ok: true }),
    readyz: (exchange: Exchange) => {
      ping().then(
        () => answerJson(exchange, 200, { database: 'reachable', livekit: livekitState() }),
        () => answerJson(exchange, 503, { database: 'unreachable', livekit: livekitState() }),
      )
    },
  }
}

/** From loopback without a proxy in between, or with the configured token. */
export function createMetricsHandler(
  metrics: Metrics,
  origins: Origins,
  token: string | null,
  log: Logger,
): (exchange: Exchange, head: RequestHead) => void {
  return (exchange, head) => {
    const { forwarded } = origins.arrival(head)
    const isLocal = isLoopback(head.peerAddress.replace(/^::ffff:/, '')) && !forwarded
    const given = head.headers.get('authorization') ?? ''
    if (!isLocal && !(token !== null && isEqual(given, `Bearer ${token}`))) {
      answerError(exchange, new AppError('forbidden', 'metrics are for this machine or with a token'))
      return
    }
    metrics.text().then(
      (text) => {
        answer(
          exchange,
          200,
          [
            ['content-type', metrics.contentType],
            ['cache-control', 'no-store'],
          ],
          text,
        )
      },
      (error: unknown) => {
        log.error({ err: error }, 'metrics could not be read')
        answerError(exchange, new AppError('unavailable', 'metrics could not be read'))
      },
    )
  }
}

function isEqual(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(a), hash(b))
}
