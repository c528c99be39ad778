/** Sends `deadline.due` to calls when a closing page's doubt is over: one timer for all calls. */
import type { Logger } from 'pino'
import type { Clock, Timer } from '../time/clock.ts'
import type { RoomSteps } from '../rooms/room-step.ts'
import type { CallIndex, IndexedCall } from './call-index.ts'

export interface Deadlines {
  start(): void
  stop(): void
}

/** Repeats a deadline that could not be committed. */
const retryMs = 1_000
/** Node's timers hold no more than 2^31 ms; none of ours is that far away. */
const farthestMs = 3600_000

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
}): Deadlines {
  const { now } = clock
  let timer: Timer | null = null
  let stopped = true
  const sending = new Set<string>()

  const dueAtOf = (call: IndexedCall) =>
    call.deadlineAt === null ? null : Math.max(call.deadlineAt, graceUntil)

  function arm(): void {
    if (stopped) return
    timer?.cancel()
    let nextAt = Infinity
    for (const call of index.calls.values()) {
      const dueAt = dueAtOf(call)
      if (dueAt !== null && dueAt < nextAt && !sending.has(call.callId)) nextAt = dueAt
    }
    if (nextAt === Infinity) return
    timer = clock.after(Math.min(farthestMs, Math.max(0, nextAt - now())), sendDue)
  }

  function sendDue(): void {
    const at = now()
    for (const call of index.calls.values()) {
      const dueAt = dueAtOf(call)
      if (dueAt !== null && dueAt <= at && !sending.has(call.callId)) void send(call)
    }
    arm()
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
        index.saw(callId, call)
      }
    } catch (error) {
      log.warn({ err: error, callId }, 'a deadline could not be sent and is tried again')
      await new Promise<void>((resolve) => void clock.after(retryMs, resolve))
    } finally {
      sending.delete(callId)
      arm()
    }
  }

  index.onChange(arm)
  return {
    start() {
      stopped = false
      arm()
    },
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}
