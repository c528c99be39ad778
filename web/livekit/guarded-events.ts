/**
 * Our handlers run inside LiveKit's client: what they throw would break its signalling, and with it the
 * call. So it ends here, and is reported as the page's own error.
 */
import type { Room } from 'livekit-client'

export function guarded<Args extends unknown[]>(
  handle: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      handle(...args)
    } catch (error) {
      reportError(error)
    }
  }
}

/** `room.on`, for handlers that may fail without harm. */
export function guardedEvents(room: Room): Room['on'] {
  return (event, handle) =>
    room.on(event, guarded(handle as (...args: unknown[]) => void) as typeof handle)
}

/** What is nice to have may fail without a word: the call goes on without it. */
export function decorate(run: () => void): void {
  try {
    run()
  } catch {
    // No rings then.
  }
}
