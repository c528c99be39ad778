/** What this server is, how it is, and how to talk to it. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../../errors.ts'
import { configAnswer } from '../../protocol/wire.ts'
import type { Metrics } from '../metrics.ts'
import { route, type Route } from '../route.ts'

export interface SystemRoutesDeps {
  name: string
  version: string
  callsEnabled: boolean
  /** Rejects when the database does not answer. */
  ping(): Promise<void>
  livekitState(): string
  metrics: Metrics
  /** Null: metrics are for this machine only. */
  metricsToken: string | null
  /** Asked for when somebody wants it, for it describes these routes, too. */
  openApi(): object
}

const readiness = z.strictObject({
  database: z.enum(['reachable', 'unreachable']),
  livekit: z.string().meta({ description: 'off, reachable or unreachable; never decides' }),
})

export function systemRoutes(deps: SystemRoutesDeps): Route[] {
  const { name, version, callsEnabled, metrics, metricsToken } = deps
  return [
    route({
      method: 'GET',
      path: '/api/config',
      who: 'anyone',
      summary: 'What this server is and offers',
      answers: { 200: configAnswer },
      handle: async () => ({
        status: 200,
        body: { name, version, calls: { enabled: callsEnabled } },
      }),
    }),
    route({
      method: 'GET',
      path: '/api/openapi.json',
      who: 'anyone',
      summary: 'This description',
      answers: { 200: z.looseObject({}) },
      handle: async () => ({ status: 200, body: deps.openApi() }),
    }),
    route({
      method: 'GET',
      path: '/healthz',
      who: 'anyone',
      summary: 'The process is up',
      answers: { 200: z.strictObject({ ok: z.literal(true) }) },
      handle: async () => ({ status: 200, body: { ok: true } }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      who: 'anyone',
      summary: 'The database answers',
      answers: { 200: readiness, 503: readiness },
      handle: async () => {
        const isReachable = await deps.ping().then(
          () => true,
          () => false,
        )
        const database = isReachable ? 'reachable' : 'unreachable'
        return {
          status: isReachable ? 200 : 503,
          body: { database, livekit: deps.livekitState() },
        }
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      who: 'anyone',
      summary: 'Prometheus metrics, from this machine or with their token as Bearer',
      answers: { 200: z.string() },
      answerType: 'text/plain',
      handle: async ({ arrival, bearer = '' }) => {
        if (!arrival.isLocal && !(metricsToken !== null && isEqual(bearer, metricsToken))) {
          throw new AppError('forbidden', 'metrics are for this machine or with their token')
        }
        const text = await metrics.text()
        return { status: 200, text, headers: [['content-type', metrics.contentType]] }
      },
    }),
  ]
}

/** In constant time, whatever the lengths. */
function isEqual(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(a), hash(b))
}
