/** Who may open a live socket: checked by host, origin and session while it is still an HTTP request. */
import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js'
import type { Logger } from 'pino'
import type { Origins } from '../http/origins.ts'
import { copyHead, type RequestHead } from '../http/request.ts'
import { findToken } from '../http/session-token.ts'
import type { AccountService } from '../services.ts'
import type { SocketData } from './live-socket.ts'

export interface UpgradeDeps {
  origins: Pick<Origins, 'arrival' | 'allowHost' | 'allowOrigin'>
  /** Read when a socket opens. */
  accounts(): Pick<AccountService, 'authenticate'>
  log: Logger
}

type Upgrade = (res: HttpResponse, req: HttpRequest, context: us_socket_context_t) => void

/** Without a valid session it is accepted all the same, so that a browser can see why it is closed. */
export function createUpgrade({ origins, accounts, log }: UpgradeDeps): Upgrade {
  function refusalOf(head: RequestHead, byCookie: boolean): string | undefined {
    const { host } = origins.arrival(head)
    if (!origins.allowHost(host)) return '421 Misdirected Request'
    const origin = head.headers.get('origin')
    // A browser always says where a socket comes from; a cookie without it is no browser's.
    const isForeign = origin === undefined ? byCookie : !origins.allowOrigin(origin, host)
    return isForeign ? '403 Forbidden' : undefined
  }

  return (res, req, context) => {
    const head = copyHead(res, req)
    const header = (name: string) => head.headers.get(name) ?? ''
    const presented = findToken(header('cookie'), header('authorization'))
    const refusal = refusalOf(head, presented?.byCookie ?? false)
    if (refusal) {
      res.writeStatus(refusal).end()
      return
    }
    let aborted = false
    res.onAborted(() => {
      aborted = true
    })
    const cork = (work: () => void) => {
      if (!aborted) res.cork(work)
    }
    const asked = presented ? accounts().authenticate(presented.token) : Promise.resolve(undefined)
    asked
      .then((me) =>
        cork(() =>
          res.upgrade<SocketData>(
            { me, socket: null },
            header('sec-websocket-key'),
            header('sec-websocket-protocol'),
            header('sec-websocket-extensions'),
            context,
          ),
        ),
      )
      .catch((error: unknown) => {
        log.error({ err: error }, 'a live socket could not be opened')
        cork(() => res.writeStatus('503 Service Unavailable').end())
      })
  }
}
