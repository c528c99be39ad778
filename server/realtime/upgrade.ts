/** Who may open a live socket: host and origin are checked while it is still an HTTP request. */
import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js'
import type { AccountService } from '../auth/account-service.ts'
import type { SignedIn } from '../auth/signed-in.ts'
import { AppError } from '../errors.ts'
import { answerError } from '../http/answer.ts'
import type { Origins } from '../http/origins.ts'
import { asksToUpgrade, type ProxyHints } from '../http/proxy-hints.ts'
import { copyHead, openExchange, type RequestHead } from '../http/request.ts'
import { findToken } from '../http/session-token.ts'
import { closeReasons } from '../protocol/live.ts'
import { newSocketData, type NotSignedIn, type SocketData } from './live-socket.ts'

export interface UpgradeDeps {
  origins: Pick<Origins, 'arrival' | 'requireHost' | 'allowOrigin'>
  hints: Pick<ProxyHints, 'socketIsPlain'>
  /** Read when a socket opens. */
  accounts(): Pick<AccountService, 'authenticate' | 'hasExpired' | 'prolong'>
}

type Upgrade = (res: HttpResponse, req: HttpRequest, context: us_socket_context_t) => void

/**
 * Accepts whoever comes from where they may, before the session is known: so that a browser can see why
 * it is closed, and because uWebSockets, when it upgrades later than within this call, sometimes takes
 * the socket for the HTTP request that it was, and closes it.
 */
export function createUpgrade({ origins, hints, accounts }: UpgradeDeps): Upgrade {
  function requireKnown(head: RequestHead, byCookie: boolean): void {
    const { host } = origins.arrival(head)
    origins.requireHost(host)
    const origin = head.headers.get('origin')
    // A browser always says where a socket comes from; a cookie without it is no browser's.
    const isForeign = origin === undefined ? byCookie : !origins.allowOrigin(origin, host)
    if (isForeign) throw new AppError('forbidden', 'this origin may not open a socket')
  }

  async function authenticate(token: string | undefined): Promise<SignedIn | NotSignedIn> {
    const me = token === undefined ? undefined : await accounts().authenticate(token)
    if (me) return me
    const hasExpired = token !== undefined && (await accounts().hasExpired(token))
    return { why: hasExpired ? closeReasons.sessionExpired : 'not signed in' }
  }

  return (res, req, context) => {
    const head = copyHead(res, req)
    const header = (name: string) => head.headers.get(name) ?? ''
    const presented = findToken(header('cookie'), header('authorization'))
    try {
      if (!asksToUpgrade(head)) {
        hints.socketIsPlain(head)
        throw new AppError('not-found', 'this is a WebSocket')
      }
      requireKnown(head, presented?.byCookie ?? false)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      answerError(openExchange(res, req), error)
      return
    }
    const authentication = authenticate(presented?.token)
    // Whoever opens it sees the rejection; one that is gone by then does not wait.
    authentication.catch(() => undefined)
    res.upgrade<SocketData>(
      newSocketData(authentication),
      header('sec-websocket-key'),
      header('sec-websocket-protocol'),
      header('sec-websocket-extensions'),
      context,
    )
  }
}
