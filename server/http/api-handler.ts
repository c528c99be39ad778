/** One request under `/api`: the checks in their order, the handler, the answer. */
import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { AppError } from '../errors.ts'
import type { AccountService, SignedIn } from '../services.ts'
import { answerError, answerJson, type Header } from './answer.ts'
import type { Metrics } from './metrics.ts'
import type { Arrival, Origins } from './origins.ts'
import { parseBody, parseQuery } from './parse-input.ts'
import { AbortedError, readBody, type Exchange, type RequestHead } from './request.ts'
import type { Router } from './router.ts'
import { findToken } from './session-token.ts'

export interface ApiDeps {
  router: Router
  origins: Origins
  accounts: Pick<AccountService, 'authenticate'>
  callsEnabled: boolean
  /** From one person; 0: no limit. */
  requestsPerSecond: number
  metrics: Metrics
  log: Logger
  now(): number
}

const largestBody = 64 * 1024
const safeMethods = ['GET', 'HEAD', 'OPTIONS']

export function createApiHandler(deps: ApiDeps): (exchange: Exchange, head: RequestHead) => void {
  const { router, origins, log, now } = deps
  const limiter =
    deps.requestsPerSecond === 0
      ? null
      : new RateLimiterMemory({ points: deps.requestsPerSecond, duration: 1 })

  return (exchange, head) => {
    const startedAt = now()
    const requestId = randomUUID()
    const headers: Header[] = [['x-request-id', requestId]]
    const match = router(head.method, head.path)
    const pattern = match?.route.path ?? 'none'

    const done = (status: number) => {
      const ms = now() - startedAt
      const method = head.method.slice(0, 8)
      deps.metrics.requests.inc({ method, route: pattern, status })
      deps.metrics.seconds.observe({ method, route: pattern }, ms / 1000)
      log.debug({ requestId, method, route: pattern, status, ms }, 'request')
    }

    // Reading begins in this very tick: uWebSockets gives the body only to who asks at once.
    const bodyRead = head.method === 'GET' ? Promise.resolve(Buffer.alloc(0)) : readBody(exchange, largestBody)
    // Whoever waits for it below sees the rejection; refused requests do not wait.
    bodyRead.catch(() => undefined)

    const work = async () => {
      const arrival = origins.arrival(head)
      if (!origins.allowHost(arrival.host)) {
        throw new AppError('wrong-host', 'this server does not go by that name')
      }
      const token = findToken(head.headers.get('cookie') ?? '', head.headers.get('authorization') ?? '')
      checkOrigin(head, arrival, token?.byCookie ?? false)
      if (!match) throw new AppError('not-found', 'there is no such endpoint')
      const { route, param } = match
      if (route.isOfCalls && !deps.callsEnabled) return { status: 200, body: null }

      const me = token && route.who !== 'anyone' ? await deps.accounts.authenticate(token.token) : undefined
      if (route.who !== 'anyone') {
        if (!me) throw new AppError('not-signed-in', 'sign in first')
        if (route.who === 'admin' && !me.user.admin) throw new AppError('forbidden', 'for admins only')
        await limit(me)
      }
      const query = parseQuery(route, head)
      const body = parseBody(route, head, await bodyRead)
      return route.handle({ me: me ?? nobody, body, query, param, arrival })
    }

    work().then(
      ({ status, body, headers: more = [] }) => {
        answerJson(exchange, status, body ?? null, [...headers, ...more])
        done(status)
      },
      (error: unknown) => {
        if (error instanceof AbortedError) return
        const refusal = error instanceof AppError ? error : failure(error, requestId)
        answerError(exchange, refusal, headers)
        done(refusal.status)
      },
    )
  }

  function failure(error: unknown, requestId: string): AppError {
    log.error({ err: error, requestId }, 'a request failed')
    return new AppError('unavailable', 'something went wrong here; try again')
  }

  function checkOrigin(head: RequestHead, arrival: Arrival, byCookie: boolean): void {
    if (safeMethods.includes(head.method)) return
    const origin = head.headers.get('origin')
    if (origin === undefined && byCookie) {
      throw new AppError('forbidden', 'a request with a cookie must say its origin')
    }
    if (origin !== undefined && !origins.allowOrigin(origin, arrival.host)) {
      throw new AppError('forbidden', 'this origin may not use the API')
    }
  }

  async function limit(me: SignedIn): Promise<void> {
    try {
      await limiter?.consume(me.user.id)
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused
      throw new AppError('slow-down', 'too many requests', { retryAfterMs: refused.msBeforeNext })
    }
  }
}

/** Of routes for anyone, which do not look at it. */
const nobody: SignedIn = {
  user: { id: '', login: '', displayName: '', admin: false, createdAt: 0, deletedAt: null },
  sessionId: '',
  tokenHash: '',
  expiresAt: 0,
}

