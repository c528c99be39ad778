/** One request of the route table: the checks in their order, the handler, the answer. */
import type { Logger } from 'pino'
import type { AccountService } from '../auth/account-service.ts'
import type { SignedIn } from '../auth/signed-in.ts'
import { AppError } from '../errors.ts'
import { createRateLimit } from '../rate-limit.ts'
import { answer, answerError, answerJson, uncached } from './answer.ts'
import type { Metrics } from './metrics.ts'
import type { Arrival, Origins } from './origins.ts'
import { parseBody, parseQuery } from './parse-input.ts'
import { AbortedError, readBody, type Exchange, type RequestHead } from './request.ts'
import type { Reply, Route } from './route.ts'
import type { Match, Router } from './router.ts'
import { findBearer, findToken, toCookie } from './session-token.ts'

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

const maxBodyBytes = 64 * 1024
const safeMethods = ['GET', 'HEAD', 'OPTIONS']
const nothing = Buffer.alloc(0)

export function createApiHandler(deps: ApiDeps): (exchange: Exchange, head: RequestHead) => void {
  const { router, origins, log, now } = deps
  const limit = createRateLimit({
    max: deps.requestsPerSecond,
    inS: 1,
    refusal: 'too many requests',
  })

  return (exchange, head) => {
    const match = router(head.method, head.path)
    observe(exchange, head, match?.route)
    replyTo(exchange, head, match)
      .then((reply) => send(exchange, reply))
      .catch((error: unknown) => {
        if (!(error instanceof AbortedError)) answerError(exchange, toAppError(error, exchange))
      })
      .catch((error: unknown) => {
        log.error({ err: error, requestId: exchange.requestId }, 'an answer could not be written')
      })
  }

  /** Runs synchronously up to the reading of the body, as uWebSockets wants. */
  async function replyTo(
    exchange: Exchange,
    head: RequestHead,
    match: Match | undefined,
  ): Promise<Reply> {
    // Before any other check (R50).
    if (match?.route.isOfCalls && !deps.callsEnabled) return { status: 200, body: null }
    const arrival = origins.arrival(head)
    origins.requireHost(arrival.host)
    const authorization = head.headers.get('authorization') ?? ''
    const presented = findToken(head.headers.get('cookie') ?? '', authorization)
    checkOrigin(head, arrival, presented?.byCookie ?? false)
    if (!match) throw new AppError('not-found', 'there is no such endpoint')
    const { route, param } = match
    const bodyRead =
      route.method === 'GET' ? Promise.resolve(nothing) : readBody(exchange, maxBodyBytes)
    // Whoever waits for it below sees the rejection; refused requests do not wait.
    bodyRead.catch(() => undefined)

    const me = route.who === 'anyone' ? nobody : await signIn(presented?.token, route)
    const query = parseQuery(route, head)
    const body = parseBody(route, head, await bodyRead)
    const bearer = findBearer(authorization)
    const reply = await route.handle({ me, body, query, param, arrival, bearer })
    return presented?.byCookie && needsCookie(route, me)
      ? withCookie(reply, toCookie(presented.token, me.expiresAt, arrival.secure))
      : reply
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

  async function signIn(token: string | undefined, route: Route): Promise<SignedIn> {
    const me = token ? await deps.accounts.authenticate(token) : undefined
    if (!me) throw new AppError('not-signed-in', 'sign in first')
    await limit(me.user.id)
    if (route.who === 'admin' && !me.user.admin) throw new AppError('forbidden', 'for admins only')
    return me
  }

  function send(exchange: Exchange, { status, body, text, headers = [] }: Reply): void {
    if (text === undefined) answerJson(exchange, status, body ?? null, headers)
    else answer(exchange, status, [...uncached, ...headers], text)
  }

  function toAppError(error: unknown, { requestId }: Exchange): AppError {
    if (error instanceof AppError) return error
    log.error({ err: error, requestId }, 'a request failed')
    return new AppError('unavailable', 'something went wrong here; try again', { requestId })
  }

  /** One line and one count for each answer; never a path, a query, a header or a body. */
  function observe(exchange: Exchange, head: RequestHead, route: Route | undefined): void {
    const startedAt = now()
    const pattern = route?.path ?? 'none'
    // Health and metrics are asked for all day by machines.
    const level = head.path.startsWith('/api') ? 'info' : 'debug'
    const { requestId } = exchange
    exchange.onAnswered((status) => {
      const request = { method: head.method.slice(0, 8), route: pattern, status }
      const ms = now() - startedAt
      deps.metrics.count({ ...request, ms })
      log[level]({ requestId, ...request, ms }, 'request')
    })
  }
}

/** A browser forgets a cookie in its own time, so it is told of a longer life, and whenever it asks who it is. */
function needsCookie({ method, path }: Route, me: SignedIn): boolean {
  return me !== nobody && (me.isProlonged === true || (method === 'GET' && path === '/api/me'))
}

function withCookie(reply: Reply, cookie: string): Reply {
  const headers = reply.headers ?? []
  // A session that has just been ended has its cookie taken away.
  if (headers.some(([name]) => name === 'set-cookie')) return reply
  return { ...reply, headers: [...headers, ['set-cookie', cookie]] }
}

/** Of routes for anyone, which do not look at it. */
const nobody: SignedIn = {
  user: { id: '', login: '', displayName: '', admin: false, createdAt: 0, deletedAt: null },
  sessionId: '',
  tokenHash: '',
  expiresAt: 0,
}
