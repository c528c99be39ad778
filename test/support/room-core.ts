/**
 * The heart of the server for tests: mailbox, calls and effects on a real store, with a clock of the
 * test's own and everything that was published kept by room.
 */
import { pino } from 'pino'
import { defaultTiming } from '../../machines/call.context.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import type { Store } from '../../persistence/store.ts'
import { createCallIndex, type CallIndex } from '../../server/calls/call-index.ts'
import { toEffectRow } from '../../server/calls/call-effects.ts'
import { createCallKeys } from '../../server/calls/call-keys.ts'
import { createCallActors, type CallActors } from '../../server/rooms/call-actors.ts'
import { createRoomMailbox, type RoomMailbox } from '../../server/rooms/room-mailbox.ts'

export interface RoomCore {
  mailbox: RoomMailbox
  index: CallIndex
  actors: CallActors
  /** Facts as they were published, by room, in order. */
  published: Map<string, LogFact[]>
}

export function createRoomCore({
  store,
  now,
  newId,
}: {
  store: Store
  now(): number
  newId(): string
}): RoomCore {
  const published = new Map<string, LogFact[]>()
  const log = pino({ level: 'silent' })
  const index = createCallIndex({ now })
  const actors = createCallActors({ log })
  actors.follow(index.took)
  const mailbox = createRoomMailbox({
    store: store.rooms,
    fanOut: {
      committed(roomId, facts) {
        published.set(roomId, [...(published.get(roomId) ?? []), ...facts])
      },
      roomChanged() {},
      membersGained: () => Promise.resolve(),
      sessionsEnded() {},
    },
    timing: defaultTiming,
    now,
    newId,
    mintKey: createCallKeys(Buffer.alloc(32, 7)).mint,
    toEffect: toEffectRow,
    actors,
    log,
  })
  return { mailbox, index, actors, published }
}
