/**
 * The core: how rooms and their calls change. Built once, here, from its ports (a store, a clock, LiveKit,
 * whoever publishes); the app, the simulation, tests and benchmarks all take this one.
 */
import type { Logger } from 'pino'
import type { Store } from '../persistence/store.ts'
import { createCallEffectHandlers, toEffectRow } from './calls/call-effects.ts'
import { createCallIndex, type CallIndex } from './calls/call-index.ts'
import type { CallKeys } from './calls/call-keys.ts'
import { createCallService, type CallService } from './calls/call-service.ts'
import { readCurrentKey, type CurrentKey } from './calls/current-key.ts'
import { createDeadlines } from './calls/deadlines.ts'
import { createFailedJoins } from './calls/failed-joins.ts'
import { createKeeper, type Keeper } from './calls/keeper.ts'
import { createLivekitHealth, type LivekitHealth } from './calls/livekit-health.ts'
import { rebuildCall } from './calls/rebuild-call.ts'
import { createReconciler, type Reconciler } from './calls/reconcile.ts'
import { createWebhookIntake } from './calls/webhook-intake.ts'
import type { Config } from './config/config.ts'
import type { LivekitPort } from './livekit/livekit-port.ts'
import { parseLivekitRoomName, toLivekitRoomName } from './livekit/livekit-room-name.ts'
import { createRoomOpener } from './livekit/room-opener.ts'
import { createWebhookReceiver, type WebhookService } from './livekit/webhook-receiver.ts'
import type { FanOut } from './realtime/fan-out.ts'
import { createCallActors, type CallActors } from './rooms/call-actors.ts'
import { createEffectRunner, type EffectRunner } from './rooms/effect-runner.ts'
import type { EffectHandlers } from './rooms/effects.ts'
import { createRoomMailbox, type RoomMailbox } from './rooms/room-mailbox.ts'
import type { RoomSteps } from './rooms/room-step.ts'
import { createRoomViews, type RoomViews } from './rooms/room-views.ts'
import { watchClock } from './time/clock-watch.ts'
import type { ServerClock } from './time/server-clock.ts'
import type { Troubles } from './troubles.ts'

export interface CallCoreDeps<L extends { fanOut: FanOut }> {
  store: Store
  clock: ServerClock
  /** The clock that people set: the machine's, or the database's where processes share one (R53). */
  wall(): number
  timing: Config['calls']
  installationId: string
  keys: CallKeys
  newId(): string
  /** Null while calls are disabled (R50). */
  livekit: LivekitPort | null
  /** Where browsers and LiveKit find each other, for what the operator is told; null where that is ours. */
  addresses: { livekitUrl: string | null; webhookUrl: string | null }
  /** Who publishes what is committed. */
  createLive(seen: { views: RoomViews; currentKey(roomId: string): Promise<CurrentKey | null> }): L
  /** What other parts of the server have done after a commit. */
  effectHandlers?: Partial<EffectHandlers>
  /** Tests put something between the parts and the steps that they ask for. */
  wrapSteps?(steps: RoomSteps): RoomSteps
  troubles: Troubles
  log: Logger
}

export interface CallCore<L> {
  readonly steps: RoomSteps
  readonly mailbox: RoomMailbox
  readonly actors: CallActors
  readonly index: CallIndex
  readonly views: RoomViews
  readonly live: L
  readonly calls: CallService
  readonly webhooks: WebhookService
  readonly health: LivekitHealth
  readonly effects: Pick<EffectRunner, 'wake'>
  /** Whether nobody's deadline would notice that time is corrected. */
  isQuiet(): boolean
  /** Resumes the calls that were on; while calls are disabled they end (R50). Before anybody asks. */
  resumeCalls(): Promise<void>
  start(): Promise<void>
  /** Finishes what is under way. */
  stop(): Promise<void>
}

export function createCallCore<L extends { fanOut: FanOut }>(deps: CallCoreDeps<L>): CallCore<L> {
  const { store, clock, timing, installationId, keys, newId, livekit, troubles, log } = deps
  const { now } = clock
  const toName = (roomId: string, callId: string) =>
    toLivekitRoomName({ installationId, roomId, callId })

  const views = createRoomViews({
    accounts: store.accounts,
    rebuild: (roomId, callId) => rebuildCall(steps, roomId, callId),
  })
  const live = deps.createLive({
    views,
    currentKey: (roomId) => readCurrentKey(store, keys, roomId),
  })

  // One way to change a room, and who follows what comes of it.
  const actors = createCallActors({ log })
  const mailbox = createRoomMailbox({
    store: store.rooms,
    fanOut: live.fanOut,
    actors,
    timing,
    now,
    storedAt: clock.notBefore,
    newId,
    mintKey: keys.mint,
    toEffect: toEffectRow,
    log,
  })
  const steps = deps.wrapSteps?.(mailbox) ?? mailbox
  const index = createCallIndex({ now })
  const health = createLivekitHealth({ now, troubles, webhookUrl: deps.addresses.webhookUrl })
  const effects = createEffectRunner({
    store: store.effects,
    handlers: {
      ...createCallEffectHandlers({ store, steps, livekit, toName }),
      ...deps.effectHandlers,
    },
    clock,
    log,
  })
  const failedJoins = createFailedJoins({ troubles, livekitUrl: deps.addresses.livekitUrl })
  actors.follow(index.applyStep)
  actors.follow(({ effects: toDo }) => {
    if (toDo.length > 0) effects.wake()
  })
  actors.follow(({ event, facts }) => {
    if (!facts.some(({ type }) => type === 'participant.connected')) return
    failedJoins.connected()
    // Somebody came up whom no webhook had told of (R38).
    if (event.type === 'livekit.listed') health.listingKnewMore(event.begunAt)
  })

  // LiveKit
  const intake = createWebhookIntake({ steps, calls: store.calls, now, log })
  const webhooks = createWebhookReceiver({
    verify: livekit?.verify ?? null,
    installationId,
    clock,
    onEvent: intake.handleReport,
    onIgnored: intake.recordIgnored,
    onSeen: health.webhookSeen,
    onRefused: health.webhookRefused,
    log,
  })
  const opener =
    livekit && createRoomOpener({ rooms: livekit, clock, isTroubled: health.isTroubled, troubles })
  const calls = createCallService({
    store,
    steps,
    views,
    keys,
    newId,
    toName,
    livekit: livekit &&
      opener && {
        urlFor: livekit.urlFor,
        issueToken: livekit.issueToken,
        openRoom: opener.open,
        joinFailed: failedJoins.report,
      },
  })

  let running: { keeper: Keeper; reconciler: Reconciler | null } | null = null
  const clockWatch = watchClock({
    clock,
    wall: deps.wall,
    troubles,
    onStep() {
      running?.reconciler?.passSoon()
      effects.wake()
    },
    log,
  })

  function createRunning(): NonNullable<typeof running> {
    const graceUntil = now() + timing.doubtMs
    const deadlines = createDeadlines({ index, steps, clock, graceUntil, log })
    const reconciler =
      livekit &&
      createReconciler({
        livekit,
        index,
        steps,
        calls: store.calls,
        health,
        toName,
        parseName(name) {
          const parsed = parseLivekitRoomName(name)
          return parsed?.installationId === installationId ? parsed : undefined
        },
        clock,
        timing,
        graceUntil,
        log,
      })
    const kept = reconciler ? [deadlines, reconciler] : [deadlines]
    return {
      reconciler,
      keeper: createKeeper({ store, index, tasks: kept, holder: newId(), clock, log }),
    }
  }

  return {
    steps,
    mailbox,
    actors,
    index,
    views,
    live,
    calls,
    webhooks,
    health,
    effects,
    isQuiet: () => !health.isTroubled() && !index.isWaiting(),
    async resumeCalls() {
      const active = await store.calls.active()
      if (livekit) {
        index.refresh(active)
        return
      }
      for (const { roomId } of active) {
        await steps.run(roomId, {}, () => ({
          callEvent: (at) => ({ type: 'calls.disabled', at }),
          result: () => undefined,
        }))
      }
    },
    async start() {
      running = createRunning()
      clockWatch.start()
      effects.start()
      await running.keeper.start()
    },
    async stop() {
      await Promise.all([
        clockWatch.stop(),
        running?.keeper.stop(),
        mailbox.idle(),
        effects.stop(3_000),
      ])
      await mailbox.idle()
    },
  }
}
