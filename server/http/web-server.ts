/** The web server: uWebSockets.js with the API, the live socket, webhooks, health and the web client. */
import uWS, { type TemplatedApp } from 'uWebSockets.js'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { createOpenApi } from '../protocol/openapi.ts'
import type {
  AccountService,
  AdminService,
  CallService,
  RoomService,
  RoomViews,
  WebhookService,
} from '../services.ts'
import { answer, answerError } from './answer.ts'
import { createApiHandler } from './api-handler.ts'
import type { Metrics } from './metrics.ts'
import type { Origins } from './origins.ts'
import { copyHead, openExchange, type Exchange, type RequestHead } from './request.ts'
import { createRouter } from './router.ts'
import { accountRoutes } from './routes/accounts.ts'
import { adminRoutes } from './routes/admin.ts'
import { callRoutes } from './routes/calls.ts'
import { roomRoutes } from './routes/rooms.ts'
import { systemRoutes } from './routes/system.ts'
import { createStaticFiles } from './static-files.ts'
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
  metrics: Metrics
  /** The built web client; null when there is none. */
  webRoot: string | null
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

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`: without it a second server would silently share the port. */
const exclusivePort = 1

export class AddressTakenError extends Error {
  constructor(host: string, port: number) {
    super(
      `cannot listen on ${host}:${port}: the port is taken, or the address is not this machine’s`,
    )
    this.name = 'AddressTakenError'
  }
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
    ...callRoutes(services.calls),
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
  const files = createStaticFiles(deps.webRoot, config)

  const app = uWS.App()
  deps.mount(app)
  handle('/webhooks/livekit', 'post', createWebhookHandler(services.webhooks, log))
  for (const path of ['/healthz', '/readyz', '/metrics', '/api', '/api/*']) handle(path, 'any', api)
  handle('/*', 'any', (exchange, head) => {
    const arrival = deps.origins.arrival(head)
    if (!deps.origins.allowHost(arrival.host)) {
      answerError(exchange, new AppError('wrong-host', 'this server does not go by that name'))
    } else if (!files.serve(exchange, head, arrival)) {
      answer(exchange, 404, [['content-type', 'text/plain; charset=utf-8']], 'Not found')
    }
  })

  /** What a handler throws must not reach uWebSockets: it would end the process. */
  function handle(
    path: string,
    method: 'get' | 'post' | 'any',
    work: (exchange: Exchange, head: RequestHead) => void,
  ): void {
    app[method](path, (res, req) => {
      const exchange = openExchange(res, req)
      try {
        work(exchange, copyHead(res, req))
      } catch (error) {
        log.error({ err: error }, 'a handler failed')
        answerError(exchange, new AppError('unavailable', 'something went wrong here; try again'))
      }
    })
  }

  let listening: Parameters<typeof uWS.us_listen_socket_close>[0] | null = null
  return {
    listen() {
      const { host, port } = config.webserver
      return new Promise((resolve, reject) => {
        const listened = (socket: Parameters<typeof uWS.us_listen_socket_close>[0] | false) => {
          if (!socket) {
            reject(new AddressTakenError(host, port))
            return
          }
          listening = socket
          resolve({ port: uWS.us_socket_local_port(socket) })
        }
        // With host and options, which uWebSockets.js takes but its types do not know.
        Reflect.apply(app.listen, app, [host, port, exclusivePort, listened])
      })
    },
    stopListening() {
      if (listening) uWS.us_listen_socket_close(listening)
      listening = null
    },
    close() {
      app.close()
    },
  }
}
