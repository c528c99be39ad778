/** Sends `deadline.due` to calls when a closing page's doubt is over: one timer for all calls. */
import type { Logger } from 'pino'
import type { RoomSteps } from '../rooms/room-step.ts'
import type { Clock } from '../time/clock.ts'
import { createRepeat, type Repeat } from '../time/repeat.ts'
import type { CallIndex, IndexedCall } from './call-index.ts'

/** Repeats a deadline that could not be committed. */
const retryMs = 1_000

export function createDeadlines({
  index,
  steps,
  clock,
  graceUntil,
  log,
}: {
  index: CallIndex
  steps: RoomSteps
  clock: Clock
  /** Before this time none falls due: after a start, people may come back first (R37). */
  graceUntil: number
  log: Logger
}): Pick<Repeat, 'start' | 'stop'> {
  const { now } = clock
  const sending = new Set<string>()

  const dueAtOf = (call: IndexedCall) =>
    call.deadlineAt === null ? null : Math.max(call.deadlineAt, graceUntil)

  function nextAt(): number {
    let next = Infinity
    for (const call of index.calls.values()) {
      const dueAt = dueAtOf(call)
      if (dueAt !== null && dueAt < next && !sending.has(call.callId)) next = dueAt
    }
    return next
  }

  function sendDue(): void {
    const at = now()
    for (const call of index.calls.values()) {
      const dueAt = dueAtOf(call)
      if (dueAt !== null && dueAt <= at && !sending.has(call.callId)) void send(call)
    }
  }

  async function send({ roomId, callId, deadlineAt }: IndexedCall): Promise<void> {
    sending.add(callId)
    try {
      const call = await steps.run(roomId, {}, (state) => ({
        ...(state.call?.context.callId === callId && {
          callEvent: (at: number) => ({ type: 'deadline.due' as const, at, callId }),
        }),
        result: ({ state }) => state.call,
      }))
      // A deadline that was only remembered from the database may be none any more.
      if (index.calls.get(callId)?.deadlineAt === deadlineAt) {
        index.setCall(callId, call)
      }
    } catch (error) {
      log.warn({ err: error, callId }, 'a deadline could not be sent and is tried again')
      await new Promise<void>((resolve) => void clock.after(retryMs, resolve))
    } finally {
      sending.delete(callId)
      repeat.plan()
    }
  }

  const repeat = createRepeat({
    clock,
    nextAt,
    run: sendDue,
    onError: (error) => log.error({ err: error }, 'deadlines could not be sent'),
  })
  index.onChange(repeat.plan)
  return repeat
}
