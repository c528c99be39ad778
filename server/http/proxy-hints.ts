/**
 * What the operator should know of who stands in front of this server: people are told “cannot” by it, and
 * the cause is in nobody's log. Each is said once for each of a few: who sends nonsense must not fill the log.
 */
import type { Troubles } from '../troubles.ts'
import type { RequestHead } from './request.ts'

export interface ProxyHints {
  forwarderNotTrusted(address: string): void
  hostIsRewritten(origin: string, host: string): void
  hostIsUnknown(host: string): void
  originIsUnknown(origin: string, host: string): void
  /** Where a WebSocket lives came a plain request. */
  socketIsPlain(head: Pick<RequestHead, 'headers'>): void
}

/** uWebSockets takes whatever has a key; an answer to what was no upgrade hangs in the proxy. */
export function asksToUpgrade({ headers }: Pick<RequestHead, 'headers'>): boolean {
  return headers.get('upgrade')?.toLowerCase() === 'websocket'
}

const maxPerKind = 3
const maxLength = 100

export function createProxyHints(troubles: Pick<Troubles, 'raise'>): ProxyHints {
  const raisedByKind = new Map<string, string[]>()

  function raise(kind: string, what: string, text: string): void {
    const raised = raisedByKind.get(kind) ?? []
    raisedByKind.set(kind, raised)
    if (!raised.includes(what)) {
      if (raised.length === maxPerKind) return
      raised.push(what)
    }
    // Seen again, it is told again: then it stands in the health for longer, and is not logged twice.
    const code = `proxy-${kind}-${raised.indexOf(what) + 1}`
    troubles.raise({ part: 'proxy', code, message: text })
  }
  const short = (text: string) => text.slice(0, maxLength)

  return {
    forwarderNotTrusted(address) {
      raise(
        'forwarder',
        address,
        `X-Forwarded-For from ${address} does not count, so all who come by it share the limits of one ` +
          `address: if it is your proxy, set [webserver] trusted_proxies = ["${address}"]`,
      )
    },
    hostIsRewritten(origin, host) {
      raise(
        'rewritten',
        origin,
        `a proxy passes on the Host ${short(host)} where browsers say ${origin}, which is believed; ` +
          'let it pass on theirs (README, “Behind a proxy”)',
      )
    },
    hostIsUnknown(host) {
      raise(
        'host',
        host,
        `a request for the host ${short(host)} was refused: if people come by that name, ` +
          'set [webserver] url or origins to it',
      )
    },
    originIsUnknown(origin, host) {
      raise(
        'origin',
        origin,
        `requests from pages of ${short(origin)} to the host ${short(host)} are refused: if that is where ` +
          'browsers reach this server, set [webserver] url or origins to it (README, “Behind a proxy”)',
      )
    },
    socketIsPlain({ headers }) {
      // What stands between takes `Upgrade` away and leaves the rest.
      if (headers.has('sec-websocket-key')) {
        raise(
          'socket',
          'stripped',
          'a live connection came without Upgrade: a proxy in front passes no WebSockets, so people get in ' +
            'and see nothing; let it pass Upgrade and Connection (README, “Behind a proxy”)',
        )
      } else {
        raise(
          'socket',
          'failed',
          'a page says that its live connections fail while requests pass: a proxy or network on the way ' +
            'passes no WebSockets, or the certificate is not trusted (README, “Behind a proxy”, “A phone”)',
        )
      }
    },
  }
}
