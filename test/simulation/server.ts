/**
 * One generation of our server: the parts of server/app.ts that decide over calls, on gated ports.
 * What stands in `planted` breaks it on purpose; the product knows nothing of that.
 */
import { pino } from 'pino'
import { defaultTiming } from '../../machines/call.context.ts'
import type { Store } from '../../persistence/store.ts'
import { createCallCore, type CallCore } from '../../server/call-core.ts'
import { createCallKeys } from '../../server/calls/call-keys.ts'
import type { CallService } from '../../server/calls/call-service.ts'
import { AppError } from '../../server/errors.ts'
import type { LivekitPort } from '../../server/livekit/livekit-port.ts'
import { toLivekitRoomName } from '../../server/livekit/livekit-room-name.ts'
import { toReport } from '../../server/livekit/to-call-event.ts'
import type { WebhookService } from '../../server/livekit/webhook-receiver.ts'
import type { followFacts } from '../../server/protocol/follow-room.ts'
import { createCommitPoll } from '../../server/realtime/commit-poll.ts'
import { createFanOut, type SocketFanOut } from '../../server/realtime/fan-out.ts'
import type { RoomSteps } from '../../server/rooms/room-step.ts'
import type { Clock } from '../../server/time/clock.ts'
import { createServerClock, type ServerClock } from '../../server/time/server-clock.ts'
import { createTroubles } from '../../server/troubles.ts'
import type { VoiceSessionPorts } from '../../web/voice-session/voice-session.types.ts'
import type { MediaLine } from './media-line.ts'
import type { Owner, World } from './world.ts'

/** A bug, put between the parts. */
export interface Planted {
  store?(store: Store, world: World): Store
  steps?(steps: RoomSteps, store: Store): RoomSteps
  clock?(machine: Clock): ServerClock
  /** Who takes LiveKit's reports. */
  webhooks?(receiver: WebhookService): WebhookService
  /** A page's rule for numbers. */
  follow?: typeof followFacts
  /** What a page's voice session is given. */
  page?(ports: VoiceSessionPorts<MediaLine>, world: World): VoiceSessionPorts<MediaLine>
}

export interface ServerDeps {
  world: World
  /** The machine's, which somebody may set. */
  machine: Clock
  generation: Owner
  store: Store
  livekit: LivekitPort
  newId(): string
  planted: Planted
}

export interface SimulatedServer {
  readonly generation: Owner
  readonly calls: CallService
  readonly steps: RoomSteps
  readonly fanOut: SocketFanOut
  /** The server's time. */
  now(): number
  /** Whether it takes requests. */
  listens(): boolean
  /** A webhook's body; gives the status. Its signature is somebody else's test. */
  receive(body: Buffer): Promise<{ status: number; key: string | null }>
  topic(name: string): Set<(message: string) => void>
  /** As uWebSockets does when a socket is closed. */
  forgetSocket(send: (message: string) => void): void
  start(): Promise<void>
  stop(): Promise<void>
}

export const installationId = 'inst'
export const toName = (roomId: string, callId: string) =>
  toLivekitRoomName({ installationId, roomId, callId })
const keys = createCallKeys(Buffer.alloc(32, 7))

export function createServer(deps: ServerDeps): SimulatedServer {
  const { world, machine, generation, livekit, newId, planted } = deps
  const clock =
    planted.clock?.(machine) ??
    createServerClock({
      wall: machine.now,
      elapsed: world.now,
      after: machine.after,
      isQuiet: () => core.isQuiet(),
    })
  const { now } = clock
  const log = createStoryLog(world)
  const store = planted.store?.(deps.store, world) ?? deps.store
  const topics = new Map<string, Set<(message: string) => void>>()
  let listening = false

  const topic = (name: string) => {
    const there = topics.get(name) ?? new Set()
    topics.set(name, there)
    return there
  }
  const core: CallCore<{ fanOut: SocketFanOut }> = createCallCore({
    store: { ...store, accounts: { ...store.accounts, users: () => Promise.resolve([]) } },
    clock,
    wall: machine.now,
    timing: { ...defaultTiming, listingIntervalMs: 30_000, restlessIntervalMs: 2_000 },
    installationId,
    keys,
    newId,
    livekit,
    addresses: { livekitUrl: null, webhookUrl: null },
    createLive: ({ views, currentKey }) => ({
      fanOut: createFanOut({
        now,
        rooms: store.rooms,
        views,
        publish: (name, message) => topic(name).forEach((send) => send(message)),
        currentKey,
        log,
      }),
    }),
    wrapSteps: (steps) => planted.steps?.(steps, store) ?? steps,
    troubles: createTroubles({ now, log }),
    log,
  })
  const { calls, steps } = core
  const webhooks = planted.webhooks?.(core.webhooks) ?? core.webhooks
  const { fanOut } = core.live
  const commitPoll = createCommitPoll({
    store,
    fanOut,
    prolong: (me) => Promise.resolve(me),
    clock,
    log,
  })

  return {
    generation,
    now,
    calls,
    steps,
    fanOut,
    topic,
    forgetSocket: (send) => topics.forEach((sockets) => sockets.delete(send)),
    listens: () => listening && !generation.dead,

    async receive(body) {
      const report = toReport(body, installationId)
      const key = report.kind === 'call-event' ? `webhook:${report.webhookId}` : null
      try {
        await webhooks.receive(body, undefined)
        return { status: 200, key }
      } catch (error) {
        return { status: error instanceof AppError ? error.status : 500, key }
      }
    },

    async start() {
      clock.notBefore(await store.rooms.latestAt())
      await core.resumeCalls()
      listening = true
      commitPoll.start()
      await core.start()
    },

    async stop() {
      listening = false
      await Promise.all([core.stop(), commitPoll.stop()])
    },
  }
}

/** What the server would write into its log, as lines of the story. */
function createStoryLog(world: World) {
  return pino(
    { level: 'warn' },
    {
      write(line: string) {
        const { msg, err } = JSON.parse(line) as { msg: string; err?: { message: string } }
        world.tell('log', err ? `${msg}: ${err.message}` : msg)
      },
    },
  )
}
