/** A verified report becomes a step of its room's call: dedupe, membership, decide, commit (R22–R32). */
import type { Logger } from 'pino'
import { userIdOf } from '../../machines/call.context.ts'
import type { CallEvent } from '../../machines/call.events.ts'
import type { CallStore, IgnoredRecord } from '../../persistence/store.ts'
import { AppError } from '../errors.ts'
import type { Report } from '../livekit/to-call-event.ts'
import type { RoomSteps } from '../rooms/room-step.ts'

type EventReport = Extract<Report, { kind: 'call-event' }>

export interface WebhookIntake {
  handleReport(report: EventReport): Promise<void>
  /** Reports that reach no room; kept a little later, many at once. */
  recordIgnored(report: Omit<IgnoredRecord, 'at'>): void
}

export function createWebhookIntake({
  steps,
  calls,
  now,
  log,
}: {
  steps: RoomSteps
  calls: Pick<CallStore, 'recordIgnored'>
  now(): number
  log: Logger
}): WebhookIntake {
  const waiting: IgnoredRecord[] = []
  let writing = false

  /** Never in the way of an answer, and bounded: it is a record for a person to look at. */
  function recordIgnored(record: Omit<IgnoredRecord, 'at'>): void {
    if (waiting.length < 1_000) waiting.push({ ...record, at: now() })
    if (writing) return
    writing = true
    void (async () => {
      while (waiting.length > 0) await calls.recordIgnored(waiting.splice(0, 256))
    })()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'ignored reports could not be recorded')
      })
      .finally(() => {
        writing = false
      })
  }

  return {
    recordIgnored,
    async handleReport({ webhookId, roomId, name, event }) {
      const identity = 'identity' in event ? event.identity : null
      const about = { event: name, callId: event.callId, identity }
      const key = `webhook:${webhookId}`
      const userId = identity === null ? null : (userIdOf(identity) ?? null)
      try {
        const isDuplicate = await steps.run(
          roomId,
          { members: userId === null ? [] : [userId], receipts: [key] },
          (state) => {
            if (state.receipt(key)) return { comesAgain: true, result: () => true }
            return {
              callEvent: (at): CallEvent =>
                'identity' in event
                  ? { ...event, at, isMember: userId !== null && state.members.has(userId) }
                  : { ...event, at },
              receipt: { key },
              ignoredAs: about,
              result: () => false,
            }
          },
        )
        if (isDuplicate) recordIgnored({ ...about, roomId, reason: 'duplicate' })
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'not-found') throw error
        // The room was deleted, and its call ended with it.
        recordIgnored({ ...about, roomId: null, reason: 'stale-call' })
      }
    },
  }
}
