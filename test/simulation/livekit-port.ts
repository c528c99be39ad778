/** LiveKit as one generation of our server reaches it: through gates, in whatever mood it is. */
import type { LivekitPort } from '../../server/livekit/livekit-port.ts'
import type { Faults } from './faults.ts'
import type { SimulatedLivekit } from './livekit.ts'
import type { Random } from './random.ts'
import type { Owner, World } from './world.ts'

export interface LivekitPortDeps {
  world: World
  faults: Faults
  random: Random
  livekit: SimulatedLivekit
  generation: Owner
  kill(where: string): void
  /** Told before LiveKit does what our server asks. */
  watch: {
    evicts(roomName: string, identity: string): void
    closes(roomName: string): void
    lied(): void
  }
}

/** As server/livekit/room-service.ts. */
const timeoutMs = 4_000
/** What the rules allow after LiveKit answered again (R37). */
const graceAfterTroubleMs = 34_000

export function createLivekitPort(deps: LivekitPortDeps): LivekitPort {
  const { world, faults, random, livekit, generation, kill, watch } = deps

  function ask<T>(name: string, work: () => T, lie: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (faults.killsHere()) {
        kill(`before ${name}`)
        return
      }
      const mood = livekit.isUp() ? faults.livekit() : 'refuses'
      if (mood !== 'well') faults.disturbed(graceAfterTroubleMs, `LiveKit ${mood}`)
      const fail = (ms: number) =>
        world.after(ms, () => reject(new Error(`LiveKit ${mood}`)), generation)
      if (mood === 'refuses') {
        fail(random.between(1, 20))
        return
      }
      const there = mood === 'slow' ? random.between(100, 5_000) : random.between(1, 20)
      const back = mood === 'slow' ? random.between(100, 2_000) : random.between(1, 20)
      const isTooLate = mood === 'hangs' || there + back > timeoutMs
      if (isTooLate) fail(timeoutMs)
      // A request that is on its way arrives, whoever died meanwhile.
      world.after(
        there,
        () => {
          if (mood === 'hangs' && random.chance(0.5)) return
          if (!livekit.isUp()) return
          if (mood === 'lies') watch.lied()
          const result = mood === 'lies' ? lie() : work()
          if (isTooLate) return
          world.after(
            back,
            () => {
              if (faults.killsHere()) kill(`after ${name}`)
              else resolve(result)
            },
            generation,
          )
        },
        random.chance(0.5) ? generation : undefined,
      )
      // A LiveKit that went away meanwhile does not answer.
      if (!isTooLate) world.after(timeoutMs, () => reject(new Error('no answer')), generation)
    })
  }

  return {
    listRooms: (names) =>
      ask(
        'listRooms',
        () => {
          const rooms = livekit.listRooms(names, faults.listingLagMs())
          return rooms
        },
        () => [],
      ),
    listSessions: (roomName) =>
      ask(
        'listSessions',
        () =>
          livekit.listSessions(roomName, faults.listingLagMs()).map((session) => ({
            identity: session.identity,
            participantSid: session.sid,
            state: session.activeAt === null ? ('JOINED' as const) : ('ACTIVE' as const),
            joinedAtMs: session.startedAt,
          })),
        () => [],
      ),
    evict: (roomName, identity) =>
      ask(
        'evict',
        () => {
          watch.evicts(roomName, identity)
          livekit.remove(roomName, identity)
        },
        () => undefined,
      ),
    closeRoom: (roomName) =>
      ask(
        'closeRoom',
        () => {
          watch.closes(roomName)
          livekit.closeRoom(roomName)
        },
        () => undefined,
      ),
    // It makes rooms with the first who comes.
    openRoom: () => Promise.resolve(),
    issueToken({ livekitRoomName: roomName, identity }) {
      const expiresAt = world.now() + 300_000
      return Promise.resolve({
        token: JSON.stringify({ roomName, identity, expiresAt }),
        expiresAt,
      })
    },
    urlFor: () => 'ws://livekit',
    // Signatures are somebody else's test.
    verify: () => ({ ok: true }),
  }
}
