/**
 * One generation of our server: the parts of server/app.ts that decide over calls, on gated ports.
 * What stands in `planted` breaks it on purpose; the product knows nothing of that.
 */
import { pino } from 'pino'
import { defaultTiming } from '../../machines/call.context.ts'
import type { Store } from '../../persistence/store.ts'
import { createCallEffectHandlers, toEffectRow } from '../../server/calls/call-effects.ts'
import { createCallIndex } from '../../server/calls/call-index.ts'
import { createCallKeys } from '../../server/calls/call-keys.ts'
import { createCallService } from '../../server/calls/call-service.ts'
import { readCurrentKey } from '../../server/calls/current-key.ts'
import { createDeadlines } from '../../server/calls/deadlines.ts'
import { createKeeper } from '../../server/calls/keeper.ts'
import { createLivekitHealth } from '../../server/calls/livekit-health.ts'
import { rebuildCall } from '../../server/calls/rebuild-call.ts'
import { createReconciler } from '../../server/calls/reconcile.ts'
import { createWebhookIntake } from '../../server/calls/webhook-intake.ts'
import { watchClock } from '../../server/clock-watch.ts'
import type { Clock } from '../../server/clock.ts'
import { createServerClock, type ServerClock } from '../../server/server-clock.ts'
import { parseLivekitRoomName, toLivekitRoomName } from '../../server/livekit/livekit-room-name.ts'
import { toReport } from '../../server/livekit/to-call-event.ts'
import { createElsewhere } from '../../server/realtime/elsewhere.ts'
import { createFanOut, type SocketFanOut } from '../../server/realtime/fan-out.ts'
import { createEffectRunner } from '../../server/rooms/effect-runner.ts'
import { createRoomMailbox } from '../../server/rooms/room-mailbox.ts'
import type { RoomSteps } from '../../server/rooms/room-step.ts'
import { createRoomViews } from '../../server/rooms/room-views.ts'
import { createTroubles } from '../../server/troubles.ts'
import type { CallService } from '../../server/services.ts'
import type { VoiceSessionPorts } from '../../web/composables/voice-session/voice-session.types.ts'
import type { LivekitPort } from './livekit-port.ts'
import type { MediaLine } from './media-line.ts'
import type { Owner, World } from './world.ts'

/** A bug, put between the parts. */
export interface Planted {
  store?(store: Store, world: World): Store
  steps?(steps: RoomSteps, store: Store): RoomSteps
  clock?(machine: Clock): ServerClock
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
const parseName = (name: string) => {
  const parsed = parseLivekitRoomName(name)
  return parsed?.installationId === installationId ? parsed : undefined
}

const keys = createCallKeys(Buffer.alloc(32, 7))
const answerWithinMs = 5_000

export function createServer(deps: ServerDeps): SimulatedServer {
  const { world, machine, generation, livekit, newId, planted } = deps
  const clock =
    planted.clock?.(machine) ??
    createServerClock({
      wall: machine.now,
      elapsed: world.now,
      after: machine.after,
      isQuiet: () => !health.isTroubled() && !index.isWaiting(),
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
  const views = createRoomViews({
    accounts: { users: () => Promise.resolve([]) },
    rebuild: (roomId, callId) => rebuildCall(mailbox, roomId, callId),
  })
  const fanOut = createFanOut({
    now,
    rooms: store.rooms,
    views,
    publish: (name, message) => topic(name).forEach((send) => send(message)),
    currentKey: (roomId) => readCurrentKey(store, keys, roomId),
    log,
  })
  const elsewhere = createElsewhere({
    store,
    fanOut,
    prolong: (me) => Promise.resolve(me),
    clock,
    log,
  })
  const index = createCallIndex({ now })
  const mailbox = createRoomMailbox({
    store: store.rooms,
    fanOut,
    timing: defaultTiming,
    now,
    storedAt: clock.notBefore,
    newId,
    mintKey: keys.mint,
    toEffect: toEffectRow,
    callMoved: index.moved,
    effectsAdded: () => effects.wake(),
    log,
  })
  const steps = planted.steps?.(mailbox, store) ?? mailbox
  const health = createLivekitHealth({ now, troubles: createTroubles({ now, log }) })
  const intake = createWebhookIntake({ steps, calls: store.calls, now, log })
  const effects = createEffectRunner({
    store: store.effects,
    handlers: createCallEffectHandlers({ store, steps, livekit, toName }),
    clock,
    log,
  })
  const calls = createCallService({
    store,
    steps,
    views,
    keys,
    newId,
    livekit: {
      urlFor: () => 'ws://livekit',
      openRoom: () => Promise.resolve(),
      joinFailed: () => undefined,
      issueToken: ({ roomId, callId, identity }) => {
        const expiresAt = world.now() + 300_000
        const token = JSON.stringify({ roomName: toName(roomId, callId), identity, expiresAt })
        return Promise.resolve({ token, expiresAt })
      },
    },
  })
  let keeper: ReturnType<typeof createKeeper> | null = null
  let reconciler: ReturnType<typeof createReconciler> | null = null
  const clockWatch = watchClock({
    clock,
    wall: machine.now,
    troubles: createTroubles({ now, log }),
    onStep() {
      reconciler?.passSoon()
      effects.wake()
    },
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
      health.webhookSeen(now(), true)
      if (report.kind !== 'call-event') {
        if (report.kind === 'ignored') intake.ignore(report)
        return { status: 200, key: null }
      }
      const key = `webhook:${report.webhookId}`
      try {
        await new Promise<void>((resolve, reject) => {
          clock.after(answerWithinMs, () => reject(new Error('not in time')))
          intake.take(report).then(resolve, reject)
        })
        return { status: 200, key }
      } catch {
        return { status: 503, key }
      }
    },

    async start() {
      clock.notBefore(await store.rooms.latestAt())
      index.refresh(await store.calls.active())
      const graceUntil = now() + defaultTiming.doubtMs
      reconciler = createReconciler({
        livekit,
        index,
        steps,
        calls: store.calls,
        health,
        toName,
        parseName,
        clock,
        intervalMs: 30_000,
        restlessIntervalMs: 2_000,
        graceUntil,
        doubtMs: defaultTiming.doubtMs,
        livekitAwayMs: defaultTiming.livekitAwayMs,
        log,
      })
      keeper = createKeeper({
        store,
        index,
        kept: [createDeadlines({ index, steps, clock, graceUntil, log }), reconciler],
        holder: newId(),
        clock,
        log,
      })
      listening = true
      elsewhere.start()
      clockWatch.start()
      effects.start()
      await keeper.start()
    },

    async stop() {
      listening = false
      clockWatch.stop()
      await Promise.all([keeper?.stop(), mailbox.idle(), effects.stop(3_000), elsewhere.stop()])
      await mailbox.idle()
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
