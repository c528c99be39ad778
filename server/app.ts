/** The composition root: builds every part, starts them in order, stops them in the other. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { v7 as uuidV7 } from 'uuid'
import { holdDatabase, type HeldDatabase } from '../persistence/hold-sqlite.ts'
import { openStore } from '../persistence/open-store.ts'
import type { OpenStore, Store, TellOperator } from '../persistence/store.ts'
import { createAccountRooms, generalRoomSetting } from './auth/account-rooms.ts'
import { createAccountService } from './auth/account-service.ts'
import { createAttempts } from './auth/attempts.ts'
import { createPasswords } from './auth/passwords.ts'
import { createAdminService } from './calls/admin-service.ts'
import { createCallEffectHandlers, toEffectRow } from './calls/call-effects.ts'
import { createCallIndex } from './calls/call-index.ts'
import { createCallKeys } from './calls/call-keys.ts'
import { createCallService } from './calls/call-service.ts'
import { readCurrentKey } from './calls/current-key.ts'
import { createDeadlines } from './calls/deadlines.ts'
import { createKeeper } from './calls/keeper.ts'
import { createFailedJoins } from './calls/failed-joins.ts'
import { createLivekitHealth } from './calls/livekit-health.ts'
import { rebuildCall } from './calls/rebuild-call.ts'
import { createReconciler } from './calls/reconcile.ts'
import { createWebhookIntake } from './calls/webhook-intake.ts'
import { watchClock } from './clock-watch.ts'
import type { Config } from './config.ts'
import { startEmbeddedMedia } from './embedded-media.ts'
import { openClock } from './open-clock.ts'
import { createMetrics } from './http/metrics.ts'
import { createOrigins } from './http/origins.ts'
import { createProxyHints } from './http/proxy-hints.ts'
import { prepareTlsOf } from './http/tls-config.ts'
import { createWebServer } from './http/web-server.ts'
import { keyFingerprint, readKeyEncryptionKey } from './key-encryption-key.ts'
import { parseLivekitRoomName, toLivekitRoomName } from './livekit/livekit-room-name.ts'
import { requireFreeAddress } from './http/listen.ts'
import { createRoomOpener } from './livekit/room-opener.ts'
import { createLivekitRooms } from './livekit/room-service.ts'
import { issueToken } from './livekit/tokens.ts'
import { toOwnLivekit, type LivekitAccess } from './livekit/livekit-access.ts'
import { createWebhookReceiver } from './livekit/webhook-receiver.ts'
import { ConfigError, isLoopback } from './load-config.ts'
import { createLive, type Live } from './realtime/live.ts'
import { createEffectRunner } from './rooms/effect-runner.ts'
import { createHousekeeping } from './housekeeping.ts'
import { createCallActors } from './rooms/call-actors.ts'
import { createRoomMailbox } from './rooms/room-mailbox.ts'
import { createRoomService } from './rooms/room-service.ts'
import { createRoomViews } from './rooms/room-views.ts'
import { createTroubles } from './troubles.ts'
import { callChart, callDefinitionHash } from './rooms/snapshot-envelope.ts'
import type { FanOut } from './services.ts'

export interface AppOptions {
  config: Config
  version: string
  /** The built web client; null when there is none. */
  webRoot: string | null
  log: Logger
  /** Tests move the server's time by hand. */
  now?: () => number
  /** This machine’s clock, by which tokens and signatures count; `Date.now` when left out. */
  wall?: () => number
  /** Tests put something between the server and its database. */
  open?: OpenStore
  /** Tests put something between a commit and its publication. */
  wrapFanOut?: (fanOut: FanOut) => FanOut
}

export interface App {
  port: number
  /** Needed by the first person to register; null when none is needed. */
  setupCode: string | null
  /** SHA-256 of the certificate that browsers will warn about; null when it is not our own. */
  fingerprint: string | null
  /** Lets no call drop: stops taking requests, finishes commits, tells sockets to come back (1012). */
  stop(): Promise<void>
}

/** Throws `ConfigError`, `CannotOpenDatabaseError`, `AddressTakenError`, `TlsError`. */
export async function startApp(options: AppOptions): Promise<App> {
  const { config, log, wall = options.now ?? Date.now, open = openStore } = options
  const newId = () => uuidV7()
  const keyEncryptionKey = readKeyEncryptionKey(config.security)
  await requireFreeAddress(config.webserver.host, config.webserver.port)
  /** What is open already if the start fails, in order. */
  const opened: { close(): Promise<void> }[] = []
  /** Until there is a time by which troubles last. */
  let tellOfDatabase: TellOperator = (line) => log.warn(line)
  try {
    const held = await holdDatabase(config.database.url)
    opened.push({ close: held.release })
    const store = await open(config.database.url, (...told) => tellOfDatabase(...told))
    opened.push(store)
    return await startWith(store, keyEncryptionKey, held)
  } catch (error) {
    for (const one of opened.toReversed()) await one.close()
    throw error
  }

  async function startWith(
    store: Store,
    keyEncryptionKey: Buffer,
    held: HeldDatabase,
  ): Promise<App> {
    if (!(await store.installation.acceptKeyFingerprint(keyFingerprint(keyEncryptionKey)))) {
      throw new ConfigError(
        'the key-encryption key is not the one that this database was made with; ' +
          'put the old one back (its fingerprint is in the database, the key itself is not)',
      )
    }
    const installationId = await store.installation.id()

    // Time
    let isQuiet = () => false
    const { clock, followed, ...time } = await openClock({
      store,
      wall,
      byHand: options.now,
      isQuiet: () => isQuiet(),
    })
    opened.push({ close: async () => time.stop() })
    const { now } = clock
    const troubles = createTroubles({ now, log })
    tellOfDatabase = (line, during) => {
      if (!during) log.warn(line)
      else if (during.isOver) troubles.over(during.code, line)
      else troubles.note({ part: 'database', code: during.code, message: line })
    }
    await store.calls.saveChart(callDefinitionHash, callChart.machineId, callChart)

    const keys = createCallKeys(keyEncryptionKey)
    const tls = await prepareTlsOf(config.webserver, wall())

    // What is seen
    const views = createRoomViews({
      accounts: store.accounts,
      rebuild: (roomId, callId) => rebuildCall(mailbox, roomId, callId),
    })
    const hints = createProxyHints(troubles)
    const origins = createOrigins(config.webserver, { secure: tls !== null, hints })
    const live: Live = createLive({
      store,
      views,
      accounts: () => accounts,
      origins,
      hints,
      currentKey: (roomId) => readCurrentKey(store, keys, roomId),
      messagesPerSecond: config.limits.socketMessagesPerSecond,
      now,
      log,
    })
    const fanOut = options.wrapFanOut?.(live.fanOut) ?? live.fanOut

    // How rooms and calls change
    const actors = createCallActors({ log })
    const index = createCallIndex({ now })
    actors.follow(index.took)
    actors.follow(({ event, facts, effects: toDo }) => {
      // Somebody came up whom no webhook had told of (R38).
      if (
        event.type === 'livekit.listed' &&
        facts.some(({ type }) => type === 'participant.connected')
      ) {
        health.listingKnewMore(event.begunAt)
      }
      if (toDo.length > 0) effects.wake()
    })
    const mailbox = createRoomMailbox({
      store: store.rooms,
      fanOut,
      timing: config.calls,
      now,
      storedAt: clock.notBefore,
      newId,
      mintKey: keys.mint,
      toEffect: toEffectRow,
      actors,
      log,
    })
    const accountRooms = createAccountRooms({ store, steps: mailbox })

    // LiveKit
    const media = config.livekit?.embedded
      ? await startEmbeddedMedia({
          livekit: config.livekit,
          config,
          keyEncryptionKey,
          version: options.version,
          webhooks: () => webhooks,
          now: wall,
          log,
        })
      : null
    if (media) opened.push({ close: media.stop })
    const livekit = media?.access ?? toLivekitAccess(config.livekit)
    const health = createLivekitHealth({
      now,
      troubles,
      webhookUrl: livekit?.webhookUrl ?? null,
    })
    isQuiet = () => !health.isTroubled() && !index.isWaiting()
    const livekitRooms =
      livekit && createLivekitRooms({ ...livekit, wall, onClock: health.clockRead })
    const opener =
      livekitRooms &&
      createRoomOpener({ rooms: livekitRooms, isTroubled: health.isTroubled, troubles })
    const toName = (roomId: string, callId: string) =>
      toLivekitRoomName({ installationId, roomId, callId })
    const failedJoins = createFailedJoins({
      troubles,
      livekitUrl: config.livekit?.embedded === null ? config.livekit.url : null,
    })
    const intake = createWebhookIntake({ steps: mailbox, calls: store.calls, now, log })
    const webhooks = createWebhookReceiver({
      livekit,
      installationId,
      now,
      wall,
      onEvent(report) {
        if (report.event.type === 'livekit.participant.joined') failedJoins.connected()
        return intake.take(report)
      },
      onIgnored: ({ reason, event, roomId, callId, identity }) =>
        intake.ignore({ reason, event, roomId, callId, identity }),
      onSeen: health.webhookSeen,
      onRefused: health.webhookRefused,
      log,
    })
    const effects = createEffectRunner({
      store: store.effects,
      handlers: {
        ...createCallEffectHandlers({ store, steps: mailbox, livekit: livekitRooms, toName }),
        'account.welcome': (effect) => accountRooms.welcome(userIdIn(effect.payload)),
        'account.depart': (effect) => accountRooms.depart(userIdIn(effect.payload)),
      },
      clock,
      log,
    })

    // What people ask for
    const setupCode =
      isLoopback(config.webserver.host) || (await store.accounts.count()) > 0
        ? null
        : randomBytes(6).toString('hex')
    const accounts = createAccountService({
      accounts: store.accounts,
      rooms: accountRooms,
      views,
      passwords: await createPasswords(),
      attempts: createAttempts({ ...config.limits, now }),
      fanOut,
      registration: config.accounts.registration,
      databaseNow: store.rooms.now,
      setupCode,
      now,
      newId,
      newToken: () => randomBytes(32).toString('base64url'),
    })
    const rooms = createRoomService({ store, steps: mailbox, views, fanOut, now, newId })
    const calls = createCallService({
      store,
      steps: mailbox,
      views,
      keys,
      newId,
      livekit: livekit && {
        urlFor: livekit.urlFor,
        joinFailed: failedJoins.told,
        openRoom: async ({ roomId, callId }) => opener?.open(toName(roomId, callId)),
        issueToken: ({ roomId, callId, identity }) =>
          issueToken({
            ...livekit,
            livekitRoomName: toName(roomId, callId),
            identity,
            now: wall(),
          }),
      },
    })
    const admin = createAdminService({
      store,
      health,
      troubles,
      livekit,
      now,
    })

    await makeFirstRoom(store, now())
    await takeUpCalls(store)

    const graceUntil = now() + config.calls.doubtMs
    const deadlines = createDeadlines({ index, steps: mailbox, clock, graceUntil, log })
    const reconciler =
      livekitRooms &&
      createReconciler({
        livekit: livekitRooms,
        index,
        steps: mailbox,
        calls: store.calls,
        health,
        toName,
        parseName: (name) => {
          const parsed = parseLivekitRoomName(name)
          return parsed?.installationId === installationId ? parsed : undefined
        },
        clock,
        intervalMs: config.calls.listingIntervalMs,
        restlessIntervalMs: config.calls.restlessIntervalMs,
        graceUntil,
        doubtMs: config.calls.doubtMs,
        livekitAwayMs: config.calls.livekitAwayMs,
        log,
      })
    const keeper = createKeeper({
      store,
      index,
      kept: reconciler ? [deadlines, reconciler] : [deadlines],
      holder: newId(),
      clock,
      log,
    })
    const housekeeping = createHousekeeping({ store, mailbox, now, log })
    const clockWatch = watchClock({
      clock,
      wall: followed,
      troubles,
      onStep() {
        reconciler?.passSoon()
        effects.wake()
      },
    })

    const livekitState = () => (livekit ? health.state().livekit.state : 'off')
    const metrics = createMetrics({
      chatto_calls_active: { help: 'Calls that are on', read: () => index.calls.size },
      chatto_rooms_in_memory: { help: 'Rooms in memory', read: () => mailbox.count() },
      chatto_call_actors: { help: 'Actors of calls', read: () => actors.count() },
      chatto_live_sockets: { help: 'Live sockets', read: () => live.stats().sockets },
      chatto_livekit_reachable: {
        help: 'Whether LiveKit answered last',
        read: () => (livekitState() === 'reachable' ? 1 : 0),
      },
    })
    const web = createWebServer({
      config,
      version: options.version,
      services: { accounts, rooms, calls, admin, webhooks },
      views,
      origins,
      hints,
      metrics,
      webRoot: options.webRoot,
      tls,
      media: media?.carrier ?? null,
      ping: () => store.ping(),
      livekitState,
      mount: live.mount,
      now,
      log,
    })
    const { port } = await web.listen()
    live.start()
    effects.start()
    await keeper.start()
    housekeeping.start()
    clockWatch.start()

    return {
      port,
      setupCode,
      fingerprint: config.webserver.tls.is === 'self-signed' ? (tls?.fingerprint ?? null) : null,
      async stop() {
        web.stopListening()
        clockWatch.stop()
        time.stop()
        await Promise.all([housekeeping.stop(), keeper.stop(), mailbox.idle(), effects.stop(3_000)])
        await live.close()
        await mailbox.idle()
        await media?.stop()
        web.close()
        await store.close()
        await held.release()
      },
    }

    /** Calls that were on are taken up again; while calls are disabled they end (R50). */
    async function takeUpCalls(store: Store): Promise<void> {
      const active = await store.calls.active()
      if (config.livekit) {
        index.refresh(active)
        return
      }
      for (const call of active) {
        await mailbox.run(call.roomId, {}, () => ({
          callEvent: (at) => ({ type: 'calls.disabled', at }),
          result: () => undefined,
        }))
      }
    }
  }

  /** The room that everybody who registers joins; made once. */
  async function makeFirstRoom(store: Store, at: number): Promise<void> {
    if ((await store.installation.get(generalRoomSetting)) !== undefined) return
    const roomId = newId()
    await store.rooms.create(
      {
        roomId,
        name: 'general',
        kind: 'room',
        visibility: 'public',
        ownerId: null,
        dmKey: null,
        createdAt: at,
      },
      [],
    )
    await store.installation.set(generalRoomSetting, roomId)
  }
}

/** Null when calls are disabled. */
function toLivekitAccess(livekit: Config['livekit']): LivekitAccess | null {
  return livekit && !livekit.embedded ? toOwnLivekit(livekit) : null
}

function userIdIn(payload: unknown): string {
  return String((payload as { userId?: unknown }).userId)
}
