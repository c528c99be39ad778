/** Puts what the media process logs into the web process's log. */
import type { Logger } from 'pino'

const levels = [
  [60, 'fatal'],
  [50, 'error'],
  [40, 'warn'],
  [30, 'info'],
  [20, 'debug'],
] as const

/** A line as pino writes it; anything else is logged as it is. */
export function relayLog(log: Logger, line: string): void {
  const entry = parse(line)
  if (!entry) {
    log.warn({ from: 'media' }, line.trim().slice(0, 2_000))
    return
  }
  const { level, time: _time, pid: _pid, hostname: _hostname, msg, ...fields } = entry
  const [, name] = levels.find(([least]) => Number(level) >= least) ?? [10, 'trace' as const]
  log[name]({ from: 'media', ...fields }, typeof msg === 'string' ? msg : '')
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
