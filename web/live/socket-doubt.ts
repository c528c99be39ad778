/**
 * Whether sockets are kept away while the server answers: by a proxy that passes none, or by a
 * certificate that the browser takes for pages and not for sockets.
 */

export interface SocketDoubt {
  /** A socket did not come about, or has not for a while. */
  failed(): Promise<void>
  opened(): void
}

/** Once may be a server that is just coming back: it answered, and the next socket is its. */
const timesInARow = 2

export function createSocketDoubt({
  serverAnswers,
  say,
}: {
  /** Asked after each failure. */
  serverAnswers(): Promise<boolean>
  say(areKeptAway: boolean): void
}): SocketDoubt {
  let times = 0
  let isAsking = false
  /** Counts what opened: an answer from before says nothing. */
  let openings = 0

  return {
    async failed() {
      if (isAsking) return
      isAsking = true
      const before = openings
      const isThere = await serverAnswers()
      isAsking = false
      if (before !== openings) return
      times = isThere ? times + 1 : 0
      say(times >= timesInARow)
    },
    opened() {
      openings += 1
      times = 0
      say(false)
    },
  }
}
