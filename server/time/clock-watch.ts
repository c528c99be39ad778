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

  function raise(what: string, aheadMs: number): void {
    const side = aheadMs < 0 ? 'behind it' : 'ahead of it'
    troubles.raise({
      part: 'clock',
      code,
      message:
        `${what}: waits and deadlines stay as they were, and the server’s time, now ` +
        `${seconds(aheadMs)} ${side}, comes back to it little by little`,
    })
  }

  clock.onStep(({ byMs, aheadMs }) => {
    if (stopped) return
    raise(
      `this machine’s clock was set ${byMs < 0 ? 'back' : 'forward'} by ${seconds(byMs)}`,
      aheadMs,
    )
    onStep()
  })

  function compare(): void {
    // Asking is what notices a step; where they agree again that is told once.
    const aheadMs = clock.now() - wall()
    if (Math.abs(aheadMs) < agreesMs) {
      troubles.clear(code, 'the server’s time and this machine’s clock agree again')
    }
  }

  const comparing = createRepeat({
    clock,
    nextAt: () => clock.now() + everyMs,
    run: compare,
    onError: (error) => log.error({ err: error }, 'the clocks could not be compared'),
  })
  return {
    start() {
      const aheadMs = clock.now() - wall()
      if (aheadMs > agreesMs) {
        raise('what is stored is later than this machine’s clock, which was set back', aheadMs)
      }
      compare()
      comparing.start()
    },
    stop() {
      stopped = true
      return comparing.stop()
    },
  }
}

const seconds = (ms: number) => `${Math.round(Math.abs(ms) / 1000)} s`
