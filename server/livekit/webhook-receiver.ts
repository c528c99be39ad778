/** LiveKit's webhooks from the raw request to the call: verify, translate, hand over, answer in time. */
import type { Logger } from 'pino'
import type { LivekitConfig } from '../config.ts'
import { AppError } from '../errors.ts'
import type { WebhookService } from '../services.ts'
import { toReport, type Report } from './to-call-event.ts'
import { verifyWebhook } from './webhook-signature.ts'

/** LiveKit has no time-out of its own, and a receiver that hangs blocks the room's queue (R22). */
const answerWithinMs = 5_000

export interface WebhookReceiverDeps {
  /** Null while calls are disabled. */
  livekit: Pick<LivekitConfig, 'apiKey' | 'apiSecret'> | null
  installationId: string
  now(): number
  /** Resolves when what the report changed is committed. */
  onEvent(report: Extract<Report, { kind: 'call-event' }>): Promise<void>
  onIgnored(report: Extract<Report, { kind: 'ignored' }>): void
  /** Any webhook that is LiveKit's: they arrive (R38). */
  onSeen(at: number): void
  log: Logger
}

export function createWebhookReceiver(deps: WebhookReceiverDeps): WebhookService {
  const { livekit, log, now } = deps
  return {
    enabled: livekit !== null,
    async receive(rawBody, authorization) {
      if (!livekit) return
      const verdict = verifyWebhook(livekit, rawBody, authorization, now())
      if (!verdict.ok) {
        const skew = 'clockSkewMs' in verdict ? { clockSkewMs: verdict.clockSkewMs } : {}
        log.warn({ why: verdict.why, ...skew }, 'a webhook was refused')
        throw new AppError('not-signed-in', 'the webhook’s signature does not hold')
      }
      deps.onSeen(now())
      const report = toReport(rawBody, deps.installationId)
      switch (report.kind) {
        case 'malformed':
          throw new AppError('invalid-request', 'the body is no report of LiveKit’s')
        case 'ignored':
          deps.onIgnored(report)
          return
        case 'call-event':
          await within(deps.onEvent(report), answerWithinMs)
          return
        default:
          return report satisfies never
      }
    },
  }
}

async function within(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new AppError('unavailable', 'the report could not be stored in time'))
    }, timeoutMs)
  })
  try {
    await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
