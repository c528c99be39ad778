/** LiveKit's webhooks from the raw request to the call: verify, translate, hand over, answer in time. */
import type { Logger } from 'pino'
import { AppError } from '../errors.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { LivekitPort } from './livekit-port.ts'
import { toReport, type Report } from './to-call-event.ts'

export interface WebhookService {
  readonly enabled: boolean
  /**
   * Resolves when what the report changed is committed, or when it is to be ignored (R22).
   * `not-signed-in` (401) for a bad signature, `invalid-request` for a body that is no report,
   * `unavailable` when it could not be committed within five seconds.
   */
  receive(rawBody: Buffer, authorization: string | undefined): Promise<void>
}

/** LiveKit has no time-out of its own, and a receiver that hangs blocks the room's queue (R22). */
const answerWithinMs = 5_000

type EventReport = Extract<Report, { kind: 'call-event' }>

export interface WebhookReceiverDeps {
  /** Null while calls are disabled. */
  verify: LivekitPort['verify'] | null
  installationId: string
  clock: Clock
  /** Resolves when what the report changed is committed. */
  onEvent(report: EventReport): Promise<void>
  onIgnored(report: Extract<Report, { kind: 'ignored' }>): void
  /** Any webhook that is LiveKit's: they arrive (R38); `isOurs`: about a room of this installation (R37). */
  onSeen(at: number, isOurs: boolean): void
  /** One came that was not taken for its time or its key. */
  onRefused(refusal: { is: 'clock'; skewMs: number } | { is: 'key' }): void
  log: Logger
}

export function createWebhookReceiver(deps: WebhookReceiverDeps): WebhookService {
  const { verify, clock, log } = deps

  /** Any failure of ours is a 503: everything else but 429 counts as delivered for LiveKit (R22). */
  async function stored(report: EventReport): Promise<void> {
    try {
      await within(clock, deps.onEvent(report), answerWithinMs)
    } catch (error) {
      const { webhookId, roomId } = report
      log.warn(
        { err: error, webhookId, roomId },
        'a report could not be stored; LiveKit sends it again',
      )
      if (error instanceof AppError && error.code === 'unavailable') throw error
      throw new AppError('unavailable', 'the report could not be stored')
    }
  }

  return {
    enabled: verify !== null,
    async receive(rawBody, authorization) {
      if (!verify) return
      const verdict = verify(rawBody, authorization)
      if (!verdict.ok) {
        const skew = 'clockSkewMs' in verdict ? { clockSkewMs: verdict.clockSkewMs } : {}
        log.warn({ why: verdict.why, ...skew }, 'a webhook was refused')
        if ('clockSkewMs' in verdict) deps.onRefused({ is: 'clock', skewMs: verdict.clockSkewMs })
        else if (verdict.why === 'wrong-key' || verdict.why === 'bad-signature') {
          deps.onRefused({ is: 'key' })
        }
        throw new AppError('not-signed-in', 'the webhook’s signature does not hold')
      }
      const report = toReport(rawBody, deps.installationId)
      deps.onSeen(clock.now(), report.kind !== 'malformed' && report.roomId !== null)
      switch (report.kind) {
        case 'malformed':
          // Never the body: it carries the room's TURN password.
          log.warn({ bytes: rawBody.length }, 'a webhook of LiveKit’s could not be read')
          throw new AppError('invalid-request', 'the body is no report of LiveKit’s')
        case 'ignored':
          deps.onIgnored(report)
          return
        case 'call-event':
          await stored(report)
          return
        default:
          return report satisfies never
      }
    },
  }
}

/** Rejects when the work is not done in time; what it does after that is the retry's to find done (R23). */
async function within(clock: Clock, work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: Timer | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = clock.after(timeoutMs, () => {
      reject(new AppError('unavailable', 'the report could not be stored in time'))
    })
  })
  try {
    await Promise.race([work, timeout])
  } finally {
    timer?.cancel()
  }
}
