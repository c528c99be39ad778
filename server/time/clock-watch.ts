/** Notices that the machine's clock was set, says so once, and has everything looked at again (R53). */
import type { ServerClock } from './server-clock.ts'
import type { Timer } from './clock.ts'
import type { Troubles } from '../troubles.ts'

export interface ClockWatch {
  start(): void
  stop(): void
}

const everyMs = 1_000
/** What is told of it is over when the two differ by less. */
const agreesMs = 1_000

export function watchClock({
  clock,
  wall,
  troubles,
  onStep,
}: {
  clock: ServerClock
  /** The machine's clock, or the database's where processes share one. */
  wall(): number
  troubles: Troubles
  onStep(): void
}): ClockWatch {
  const code = 'machine-clock'
  let timer: Timer | null = null
  let stopped = false

  function tell(what: string, aheadMs: number): void {
    const side = aheadMs < 0 ? 'behind it' : 'ahead of it'
    troubles.note({
      part: 'clock',
      code,
      message:
        `${what}: waits and deadlines stay as they were, and the server’s time, now ` +
        `${seconds(aheadMs)} ${side}, comes back to it little by little`,
    })
  }

  clock.onStep(({ byMs, aheadMs }) => {
    if (stopped) return
    tell(
      `this machine’s clock was set ${byMs < 0 ? 'back' : 'forward'} by ${seconds(byMs)}`,
      aheadMs,
    )
    onStep()
  })

  function look(): void {
    if (stopped) return
    // Asking is what notices a step; where they agree again that is told once.
    const aheadMs = clock.now() - wall()
    if (Math.abs(aheadMs) < agreesMs) {
      troubles.over(code, 'the server’s time and this machine’s clock agree again')
    }
    timer = clock.after(everyMs, look)
  }

  return {
    start() {
      const aheadMs = clock.now() - wall()
      if (aheadMs > agreesMs) {
        tell('what is stored is later than this machine’s clock, which was set back', aheadMs)
      }
      look()
    },
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}

const seconds = (ms: number) => `${Math.round(Math.abs(ms) / 1000)} s`
