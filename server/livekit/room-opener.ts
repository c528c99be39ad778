/**
 * Makes a call's LiveKit room before its people get their tokens: with `room.auto_create: false`
 * LiveKit makes none by itself. Never in the way of a join: where LiveKit cannot be asked, the room
 * comes of itself or not at all.
 */
import type { Troubles } from '../troubles.ts'
import type { Clock, Timer } from '../time/clock.ts'
import type { LivekitPort } from './livekit-port.ts'

export interface RoomOpener {
  /** Resolves when the room is there, or cannot be waited for any longer. Never rejects. */
  open(livekitRoomName: string): Promise<void>
}

/** Longer nobody waits for it: most LiveKits make the room with the first who comes. */
const waitAtMostMs = 1_500
/** A LiveKit that is away is not asked again for every join. */
const askAwayEveryMs = 1_000

export function createRoomOpener({
  rooms,
  clock,
  isTroubled,
  troubles,
}: {
  rooms: Pick<LivekitPort, 'openRoom'>
  clock: Clock
  /** LiveKit could not be asked last: then nobody waits for it. */
  isTroubled(): boolean
  troubles: Troubles
}): RoomOpener {
  /** Under way: however many join at once, each room is asked for once. */
  const pending = new Map<string, Promise<void>>()
  let failedAt = -Infinity

  function requestRoom(name: string): Promise<void> {
    const answer = rooms.openRoom(name).then(
      () => {
        pending.delete(name)
        troubles.clear('livekit-room', 'LiveKit makes rooms again')
      },
      (error: unknown) => {
        pending.delete(name)
        failedAt = clock.now()
        const why = error instanceof Error ? error.message : String(error)
        troubles.raise({
          part: 'livekit',
          code: 'livekit-room',
          message: `the LiveKit room of a call could not be made: ${why}`,
        })
      },
    )
    pending.set(name, answer)
    return answer
  }

  return {
    async open(name) {
      if (isTroubled() && clock.now() < failedAt + askAwayEveryMs) return
      const answer = pending.get(name) ?? requestRoom(name)
      if (isTroubled()) return
      let timer: Timer | undefined
      const patience = new Promise<void>((resolve) => {
        timer = clock.after(waitAtMostMs, resolve)
      })
      await Promise.race([answer, patience])
      timer?.cancel()
    },
  }
}
