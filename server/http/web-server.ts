/** The web server: uWebSockets.js with the API, the live socket, webhooks, health and the web client. */
import type { TemplatedApp } from 'uWebSockets.js'
import type { Logger } from 'pino'
import type { AccountService } from '../auth/account-service.ts'
import type { AdminService } from '../calls/admin-service.ts'
import type { CallService } from '../calls/call-service.ts'
import type { Config } from '../config/config.ts'
import type { WebhookService } from '../livekit/webhook-receiver.ts'
import type { MediaCarrier } from '../media/media-carrier.ts'
import { createOpenApi } from '../protocol/openapi.ts'
import type { RoomService } from '../rooms/room-service.ts'
import type { RoomViews } from '../rooms/room-views.ts'
import { answer } from './answer.ts'
import { createApiHandler } from './api-handler.ts'
import { listen, type Listening } from './listen.ts'
import { mountMedia } from './media-routes.ts'
import type { Metrics } from './metrics.ts'
import { mount, type Handler } from './mount.ts'
import type { Origins } from './origins.ts'
import type { ProxyHints } from './proxy-hints.ts'
import type { Exchange, RequestHead } from './request.ts'
import { createRouter } from './router.ts'
import { accountRoutes } from './routes/accounts.ts'
import { adminRoutes } from './routes/admin.ts'
import { callRoutes } from './routes/calls.ts'
import { roomRoutes } from './routes/rooms.ts'
import { systemRoutes } from './routes/system.ts'
import { createStaticFiles } from './static-files.ts'
import { coreNotice, uWS } from './uws.ts'
import { createWebhookHandler } from './webhook-handler.ts'

export interface WebServerDeps {
  config: Config
  version: string
  services: {
    accounts: AccountService
    rooms: RoomService
    calls: CallService
    admin: AdminService
    webhooks: WebhookService
  }
  views: RoomViews
  origins: Origins
  hints: ProxyHints
  metrics: Metrics
  /** The built web client; null when there is none. */
  webRoot: string | null
  /** Key and certificate files; null for plain http. */
  tls: { key_file_name: string; cert_file_name: string } | null
  /** The embedded media server, which shares our origin; null when LiveKit is elsewhere, or off. */
  media: MediaCarrier | null
  ping(): Promise<void>
  livekitState(): string
  /** Adds the live socket. */
  mount(app: TemplatedApp): void
  now(): number
  log: Logger
}

export interface WebServer {
  /** Throws `AddressTakenError`. */
  listen(): Promise<{ port: number }>
  /** Takes no new connections. Those that are open go on until `close`. */
  stopListening(): void
  close(): void
}

export function createWebServer(deps: WebServerDeps): WebServer {
  const { config, services, log } = deps
  const routes = [
    ...systemRoutes({
      name: config.name,
      version: deps.version,
      callsEnabled: services.calls.enabled,
      ping: deps.ping,
      livekitState: deps.livekitState,
      metrics: deps.metrics,
      metricsToken: config.metrics.token,
      openApi: () => openApi,
    }),
    ...accountRoutes({ accounts: services.accounts, views: deps.views }),
    ...roomRoutes(services.rooms),
    ...callRoutes(services.calls, config.limits),
    ...adminRoutes(services.admin),
  ]
  const openApi = createOpenApi(routes, deps.version)
  const api = createApiHandler({
    router: createRouter(routes),
    origins: deps.origins,
    accounts: services.accounts,
    callsEnabled: services.calls.enabled,
    requestsPerSecond: config.limits.requestsPerSecond,
    metrics: deps.metrics,
    log,
    now: deps.now,
  })
  const files = createStaticFiles(deps.webRoot, config, deps.origins.configured)

  if (coreNotice !== null) log.warn(coreNotice)
  const app = deps.tls ? uWS.SSLApp(deps.tls) : uWS.App()
  deps.mount(app)
  if (deps.media) mountMedia(app, { carrier: deps.media, hints: deps.hints, now: deps.now, log })
  const webhook = createWebhookHandler(services.webhooks, log)
  mount(app, 'post', '/webhooks/livekit', webhook, log)
  const plainSocket: Handler = (exchange, head) => {
    deps.hints.socketIsPlain(head)
    api(exchange, head)
  }
  mount(app, 'get', '/api/live', plainSocket, log)
  for (const path of ['/healthz', '/readyz', '/metrics', '/api', '/api/*']) {
    mount(app, 'any', path, api, log)
  }
  mount(app, 'any', '/*', servePage, log)

  function servePage(exchange: Exchange, head: RequestHead): void {
    const arrival = deps.origins.arrival(head)
    deps.origins.requireHost(arrival.host)
    if (!files.serve(exchange, head, { host: arrival.publicHost, secure: arrival.secure })) {
      answer(exchange, 404, [['content-type', 'text/plain; charset=utf-8']], 'Not found')
    }
  }

  let listening: Listening | null = null
  return {
    async listen() {
      const { host, port } = config.webserver
      listening = await listen(app, host, port)
      return { port: listening.port }
    },
    stopListening() {
      listening?.stop()
      listening = null
    },
    close() {
      app.close()
    },
  }
}
