/** LiveKit's webhooks: raw body, bare JWT; 200 only after the commit, 503 so that LiveKit tries again (R21, R22). */
import type { Logger } from 'pino'
import { AppError } from '../errors.ts'
import type { WebhookService } from '../livekit/webhook-receiver.ts'
import { answerError, answerJson } from './answer.ts'
import { mediaType } from './parse-input.ts'
import { AbortedError, readBody, type Exchange, type RequestHead } from './request.ts'

const maxWebhookBytes = 1024 * 1024

export function createWebhookHandler(
  webhooks: WebhookService,
  log: Logger,
): (exchange: Exchange, head: RequestHead) => void {
  async function receive(exchange: Exchange, head: RequestHead): Promise<void> {
    if (mediaType(head.headers.get('content-type')) !== 'application/webhook+json') {
      throw new AppError('unsupported-media-type', 'webhooks are application/webhook+json')
    }
    const body = await readBody(exchange, maxWebhookBytes)
    await webhooks.receive(body, head.headers.get('authorization'))
  }

  return (exchange, head) => {
    // Unread (R50).
    if (!webhooks.enabled) {
      answerJson(exchange, 200, null)
      return
    }
    receive(exchange, head).then(
      () => answerJson(exchange, 200, {}),
      (error: unknown) => {
        if (error instanceof AbortedError) return
        if (error instanceof AppError) {
          answerError(exchange, error)
          return
        }
        log.error({ err: error, requestId: exchange.requestId }, 'a webhook failed')
        answerError(exchange, new AppError('unavailable', 'the report could not be stored'))
      },
    )
  }
}
