/**
 * The heart of the server for tests: mailbox, calls and effects on a real store, with a clock of the
 * test's own and everything that was published kept by room.
 */
import { pino } from 'pino'
import { defaultTiming } from '../../machines/call.context.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import type { Store } from '../../persistence/store.ts'
import { createCallCore, type CallCore } from '../../server/call-core.ts'
import { createCallKeys } from '../../server/calls/call-keys.ts'
import type { FanOut } from '../../server/realtime/fan-out.ts'
import { createClock } from '../../server/time/clock.ts'
import { createTroubles } from '../../server/troubles.ts'

export interface RoomCore extends CallCore<{ fanOut: FanOut }> {
  /** Facts as they were published, by room, in order. */
  published: Map<string, LogFact[]>
}

/** Without LiveKit, and not started: what happens is what a test does. */
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
  const core = createCallCore({
    store,
    clock: { ...createClock(now), notBefore: () => undefined, onStep: () => undefined },
    wall: now,
    timing: { ...defaultTiming, listingIntervalMs: 30_000, restlessIntervalMs: 2_000 },
    installationId: 'inst',
    keys: createCallKeys(Buffer.alloc(32, 7)),
    newId,
    livekit: null,
    addresses: { livekitUrl: null, webhookUrl: null },
    createLive: () => ({
      fanOut: {
        committed(roomId, facts) {
          published.set(roomId, [...(published.get(roomId) ?? []), ...facts])
        },
        roomChanged() {},
        membersAdded: () => Promise.resolve(),
        sessionsEnded() {},
      },
    }),
    troubles: createTroubles({ now, log }),
    log,
  })
  return { ...core, published }
}
