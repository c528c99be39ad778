/**
 * Loaded with `--import` into whatever Node process a bench looks at: writes that process's event
 * loop delay of every second, in milliseconds, as lines of the file named by CHATTO_LOOP_DELAY plus the pid.
 */
import { appendFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const file = process.env['CHATTO_LOOP_DELAY']
if (file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  setInterval(() => {
    appendFileSync(`${file}.${process.pid}`, `${delay.percentile(99) / 1e6}\n`)
    delay.reset()
  }, 1_000).unref()
}
