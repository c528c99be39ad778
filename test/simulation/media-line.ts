/** A page's connection to LiveKit: what LiveKit's client does by itself, on the simulated LiveKit. */
import type { DisconnectName } from '../../machines/voice-session.reasons.ts'
import type { Join } from '../../server/protocol/wire.ts'
import type { MediaEvent } from '../../web/livekit/media-connection.types.ts'
import type { LivekitToken, Session, SimulatedLivekit } from './livekit.ts'
import type { Random } from './random.ts'
import type { Owner, World } from './world.ts'

export interface MediaLineDeps {
  world: World
  random: Random
  livekit: SimulatedLivekit
  page: Owner & { isOnline(): boolean }
  withoutMedia: boolean
  tell(event: MediaEvent): void
}

export type MediaLine = ReturnType<typeof createMediaLine>

export function createMediaLine(deps: MediaLineDeps, join: Join) {
  const { world, random, livekit, page } = deps
  let session: Session | null = null
  let closed = false

  const isAlive = () => session !== null && session.endedAt === null

  /** A session of this line; `over` when it ends, unless another one has taken its place. */
  function connect(
    token: LivekitToken,
    mediaAfterMs: number | null,
    up: () => void,
    over: (reason: DisconnectName) => void,
  ): void {
    const next: Session = livekit.connect(token, {
      mediaAfterMs,
      up,
      ended(reason) {
        if (session !== next) return
        const heard = () => {
          if (!closed) over(reason)
        }
        world.after(random.between(1, 30), heard, page)
      },
    })
    session = next
  }

  const disconnected = (reason: DisconnectName) =>
    deps.tell({ type: 'livekit.disconnected', reason })

  return {
    session: () => session,
    connect: () =>
      new Promise<void>((resolve, reject) => {
        let isUp = false
        const fail = (ms: number) => world.after(ms, () => reject(new Error('no LiveKit')), page)
        const up = () => {
          isUp = true
          world.after(random.between(1, 30), resolve, page)
        }
        world.after(
          random.between(50, 400),
          () => {
            if (closed) return
            if (!page.isOnline()) {
              fail(1_000)
              return
            }
            try {
              const mediaAfterMs = deps.withoutMedia ? null : random.between(50, 1_500)
              connect(JSON.parse(join.token) as LivekitToken, mediaAfterMs, up, (reason) =>
                isUp ? disconnected(reason) : fail(0),
              )
            } catch {
              fail(500)
            }
          },
          page,
        )
      }),
    setMicrophone: () => Promise.resolve(),
    setCamera: () => Promise.resolve(),
    setScreen: () => Promise.resolve(),
    rotateKey: () => Promise.resolve(),
    silence: () => undefined,
    close() {
      closed = true
      const left = session
      if (!left || !isAlive()) return Promise.resolve()
      if (page.isOnline()) world.after(random.between(1, 30), () => livekit.leave(left))
      else livekit.goSilent(left)
      return Promise.resolve()
    },
    /** Its traffic stops, and nobody says so. */
    goSilent: () => (session && isAlive() ? livekit.goSilent(session) : undefined),
    /** Another session of the same connection. */
    fullReconnect(late: boolean) {
      if (!session || !isAlive()) return
      const token = session.refreshed()
      deps.tell({ type: 'livekit.reconnecting' })
      // Half of the time it says goodbye first; else LiveKit finds it twice.
      const left = session
      session = null
      if (late || random.chance(0.5)) livekit.leave(left)
      world.after(
        late ? random.between(8_800, 10_200) : random.between(10, 1_500),
        () => {
          if (closed) return
          try {
            const up = () => deps.tell({ type: 'livekit.reconnected' })
            connect(token, random.between(50, 1_500), up, disconnected)
          } catch {
            disconnected('UNKNOWN_REASON')
          }
        },
        page,
      )
    },
  }
}
