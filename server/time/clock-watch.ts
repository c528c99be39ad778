/** Notices that the machine's clock was set, says so once, and has everything looked at again (R53). */
import type { Logger } from 'pino'
import type { Troubles } from '../troubles.ts'
import { createRepeat, type Repeat } from './repeat.ts'
import type { ServerClock } from './server-clock.ts'

const everyMs = 1_000
/** What is told of it is over when the two differ by less. */
const agreesMs = 1_000

export function watchClock({
  clock,
  wall,
  troubles,
  onStep,
  log,
}: {
  clock: ServerClock
  /** The machine's clock, or the database's where processes share one. */
  wall(): number
  troubles: Troubles
  onStep(): void
  log: Logger
}): Pick<Repeat, 'start' | 'stop'> {
  const code = 'machine-clock'
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
    // Asking is what notices a step; where they agree again that is told once.
    const aheadMs = clock.now() - wall()
    if (Math.abs(aheadMs) < agreesMs) {
      troubles.over(code, 'the server’s time and this machine’s clock agree again')
    }
  }

  const looking = createRepeat({
    clock,
    nextAt: () => clock.now() + everyMs,
    run: look,
    onError: (error) => log.error({ err: error }, 'the clocks could not be compared'),
  })
  return {
    start() {
      const aheadMs = clock.now() - wall()
      if (aheadMs > agreesMs) {
        tell('what is stored is later than this machine’s clock, which was set back', aheadMs)
      }
      look()
      looking.start()
    },
    stop() {
      stopped = true
      return looking.stop()
    },
  }
}

const seconds = (ms: number) => `${Math.round(Math.abs(ms) / 1000)} s`
