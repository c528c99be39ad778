/** Which hosts and origins may be spoken from, and whose word about them counts. */
import { BlockList, isIP } from 'node:net'
import type { Config } from '../config.ts'
import { isLoopback } from '../load-config.ts'
import type { RequestHead } from './request.ts'

/** The request as the browser made it, proxies taken into account. */
export interface Arrival {
  /** Lower case, with a port when there is one. */
  host: string
  secure: boolean
  address: string
  /** A proxy's headers were there, trusted or not. */
  forwarded: boolean
}

export interface Origins {
  arrival(head: Pick<RequestHead, 'headers' | 'peerAddress'>): Arrival
  /** False for DNS rebinding: a Host that is neither localhost, an address, nor configured (421). */
  allowHost(host: string): boolean
  /** This host, or one of the configured ones. */
  allowOrigin(origin: string, host: string): boolean
}

export function createOrigins(webserver: Config['webserver'], secure: boolean): Origins {
  const configured = [new URL(webserver.url).origin, ...webserver.origins]
  const hosts = new Set(configured.map((origin) => new URL(origin).hostname))
  const proxies = toBlockList(webserver.trustedProxies)

  return {
    arrival({ headers, peerAddress }) {
      const own = {
        host: (headers.get('host') ?? '').toLowerCase(),
        secure,
        address: peerAddress,
        forwarded: headers.has('x-forwarded-for') || headers.has('forwarded'),
      }
      const family = isIP(peerAddress) === 6 ? 'ipv6' : 'ipv4'
      if (isIP(peerAddress) === 0 || !proxies.check(peerAddress, family)) return own
      const last = (name: string) => headers.get(name)?.split(',').at(-1)?.trim()
      return {
        ...own,
        host: (last('x-forwarded-host') ?? own.host).toLowerCase(),
        secure: (last('x-forwarded-proto') ?? (secure ? 'https' : 'http')) === 'https',
        address: last('x-forwarded-for') ?? own.address,
      }
    },

    allowHost(host) {
      const name = hostName(host)
      if (name === undefined) return false
      return isLoopback(name) || isIP(name) !== 0 || hosts.has(name)
    },

    allowOrigin(origin, host) {
      if (configured.includes(origin)) return true
      try {
        const url = new URL(origin)
        return url.host === host.toLowerCase() && /^https?:$/.test(url.protocol)
      } catch {
        return false
      }
    },
  }
}

/** Undefined for what is no host at all. */
function hostName(host: string): string | undefined {
  try {
    const url = new URL(`http://${host}`)
    if (url.pathname !== '/' || url.username !== '' || url.search !== '') return undefined
    return url.hostname.replace(/^\[|\]$/g, '')
  } catch {
    return undefined
  }
}

function toBlockList(entries: string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(address) === 0) continue
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}
