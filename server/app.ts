/** The composition root: builds every part, starts them in order, stops them in the other. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { v7 as uuidV7 } from 'uuid'
import { holdDatabase, type HeldDatabase } from '../persistence/hold-sqlite.ts'
import { openStore } from '../persistence/open-store.ts'
import type { OpenStore, Store, ReportToOperator } from '../persistence/store.ts'
import { createAccountRooms, generalRoomSetting } from './auth/account-rooms.ts'
import { createAccountService } from './auth/account-service.ts'
import { createAttempts } from './auth/attempts.ts'
import { createPasswords } from './auth/passwords.ts'
import { createCallCore, type CallCore } from './call-core.ts'
import { createAdminService } from './calls/admin-service.ts'
import { createCallKeys } from './calls/call-keys.ts'
import { ConfigError } from './config/config-error.ts'
import type { Config } from './config/config.ts'
import { keyFingerprint, readKeyEncryptionKey } from './config/key-encryption-key.ts'
import { isLoopback } from './config/load-config.ts'
import { startEmbeddedMedia } from './embedded-media.ts'
import { createHousekeeping } from './housekeeping.ts'
import { requireFreeAddress } from './http/listen.ts'
import { createMetrics } from './http/metrics.ts'
import { createOrigins } from './http/origins.ts'
import { createProxyHints } from './http/proxy-hints.ts'
import { prepareTlsOf } from './http/tls-config.ts'
import { createWebServer } from './http/web-server.ts'
import { toOwnLivekit, type LivekitAccess } from './livekit/livekit-access.ts'
import { createLivekitPort } from './livekit/livekit-port.ts'
import type { FanOut } from './realtime/fan-out.ts'
import { createLive, type Live } from './realtime/live.ts'
import { createRoomService } from './rooms/room-service.ts'
import { callChart, callDefinitionHash } from './rooms/snapshot-envelope.ts'
import { openClock } from './time/open-clock.ts'
import { createTroubles } from './troubles.ts'

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
  let reportOfDatabase: ReportToOperator = (line) => log.warn(line)
  try {
    const held = await holdDatabase(config.database.url)
    opened.push({ close: held.release })
    const store = await open(config.database.url, (...told) => reportOfDatabase(...told))
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
    opened.push({ close: time.stop })
    const { now } = clock
    const troubles = createTroubles({ now, log })
    reportOfDatabase = (line, during) => {
      if (!during) log.warn(line)
      else if (during.isOver) troubles.clear(during.code, line)
      else troubles.raise({ part: 'database', code: during.code, message: line })
    }
    await store.calls.saveChart(callDefinitionHash, callChart.machineId, callChart)

    const tls = await prepareTlsOf(config.webserver, wall())

    // LiveKit
    const media = config.livekit?.embedded
      ? await startEmbeddedMedia({
          livekit: config.livekit,
          config,
          keyEncryptionKey,
          version: options.version,
          webhooks: () => core.webhooks,
          now: wall,
          log,
        })
      : null
    if (media) opened.push({ close: media.stop })
    const access = media?.access ?? toLivekitAccess(config.livekit)

    // How rooms and calls change, and what is seen of it
    const hints = createProxyHints(troubles)
    const origins = createOrigins(config.webserver, { secure: tls !== null, hints })
    const core: CallCore<Live> = createCallCore({
      store,
      clock,
      wall: followed,
      timing: config.calls,
      installationId,
      keys: createCallKeys(keyEncryptionKey),
      newId,
      livekit:
        access &&
        createLivekitPort(access, { wall, onClock: (skewMs) => core.health.clockRead(skewMs) }),
      addresses: {
        livekitUrl: config.livekit?.embedded === null ? config.livekit.url : null,
        webhookUrl: access?.webhookUrl ?? null,
      },
      createLive({ views, currentKey }) {
        const live = createLive({
          store,
          views,
          accounts: () => accounts,
          origins,
          hints,
          currentKey,
          messagesPerSecond: config.limits.socketMessagesPerSecond,
          now,
          log,
        })
        return { ...live, fanOut: options.wrapFanOut?.(live.fanOut) ?? live.fanOut }
      },
      effectHandlers: {
        'account.welcome': ({ payload }) => accountRooms.welcome(payload.userId),
        'account.depart': ({ payload }) => accountRooms.depart(payload.userId),
      },
      troubles,
      log,
    })
    isQuiet = core.isQuiet
    const { steps, views, live, health } = core
    const accountRooms = createAccountRooms({ store, steps })

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
      fanOut: live.fanOut,
      registration: config.accounts.registration,
      databaseNow: store.rooms.now,
      setupCode,
      now,
      newId,
      newToken: () => randomBytes(32).toString('base64url'),
    })
    const rooms = createRoomService({
      store,
      steps,
      views,
      fanOut: live.fanOut,
      now,
      newId,
    })
    const admin = createAdminService({
      store,
      health,
      troubles,
      livekit: access,
      now,
    })

    await makeFirstRoom(store, now())
    await core.resumeCalls()

    const housekeeping = createHousekeeping({ store, mailbox: core.mailbox, clock, log })

    const livekitState = () => (access ? health.state().livekit.state : 'off')
    const metrics = createMetrics({
      chatto_calls_active: { help: 'Calls that are on', read: () => core.index.calls.size },
      chatto_rooms_in_memory: { help: 'Rooms in memory', read: () => core.mailbox.count() },
      chatto_call_actors: { help: 'Actors of calls', read: () => core.actors.count() },
      chatto_live_sockets: { help: 'Live sockets', read: () => live.stats().sockets },
      chatto_livekit_reachable: {
        help: 'Whether LiveKit answered last',
        read: () => (livekitState() === 'reachable' ? 1 : 0),
      },
    })
    const web = createWebServer({
      config,
      version: options.version,
      services: { accounts, rooms, calls: core.calls, admin, webhooks: core.webhooks },
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
    await core.start()
    housekeeping.start()

    return {
      port,
      setupCode,
      fingerprint: config.webserver.tls.is === 'self-signed' ? (tls?.fingerprint ?? null) : null,
      async stop() {
        web.stopListening()
        await Promise.all([time.stop(), housekeeping.stop(), core.stop()])
        await live.close()
        await core.mailbox.idle()
        await media?.stop()
        web.close()
        await store.close()
        await held.release()
      },
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
