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
  const asked = new Map<string, Promise<void>>()

  function ask(name: string): Promise<void> {
    const answer = rooms.openRoom(name).then(
      () => {
        asked.delete(name)
        troubles.over('livekit-room', 'LiveKit makes rooms again')
      },
      (error: unknown) => {
        asked.delete(name)
        const why = error instanceof Error ? error.message : String(error)
        troubles.note({
          part: 'livekit',
          code: 'livekit-room',
          message: `the LiveKit room of a call could not be made: ${why}`,
        })
      },
    )
    asked.set(name, answer)
    return answer
  }

  return {
    async open(name) {
      const answer = asked.get(name) ?? ask(name)
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
