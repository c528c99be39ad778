/** How long a voice session waits, beside its machine. Nothing waits without end: what is late counts as failed. */
import type { SessionClock } from './voice-session.types.ts'

export const voiceSessionPatience = {
  /** For the part of the client that knows LiveKit, over a slow network. */
  loadMs: 60_000,
  /** For LiveKit, encryption included; longer than its client waits for each step. */
  connectMs: 45_000,
  /** For LiveKit's client to end. */
  closeMs: 3000,
  /** For our server to hear that one hangs up. */
  hangUpMs: 3000,
  /** Between tries to tell our server. */
  leaveRetriesMs: [500, 2000],
}

export const browserClock: SessionClock = {
  setTimeout: (work, ms) => setTimeout(work, ms),
  clearTimeout: (timer: number) => clearTimeout(timer),
}

export function createPatience(clock: SessionClock) {
  const pause = (ms: number) =>
    new Promise<void>((resolve) => void clock.setTimeout(() => resolve(), ms))
  return {
    pause,
    /** The promise's own outcome, if it comes in time. What comes later is dropped, failures too. */
    within: <T>(ms: number, promise: Promise<T>): Promise<T | 'too-late'> =>
      Promise.race([promise, pause(ms).then(() => 'too-late' as const)]),
  }
}
