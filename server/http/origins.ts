/** Which hosts and origins may be spoken from, and whose word about them counts. */
import { BlockList, isIP } from 'node:net'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { isLoopback } from '../load-config.ts'
import type { RequestHead } from './request.ts'

/** The request as the browser made it, proxies taken into account. */
export interface Arrival {
  /** Lower case, with a port when there is one. */
  host: string
  /** The browser came by https, as far as anybody who is believed says. */
  secure: boolean
  address: string
  /** From this machine itself, without a proxy in between. */
  isLocal: boolean
}

export interface Origins {
  arrival(head: Pick<RequestHead, 'headers' | 'peerAddress'>): Arrival
  /** False for DNS rebinding: a Host that is neither localhost, an address, nor configured. */
  allowHost(host: string): boolean
  /** Throws `wrong-host` where `allowHost` is false. */
  requireHost(host: string): void
  /** This host, or one of the configured ones. */
  allowOrigin(origin: string, host: string): boolean
}

/** Any of them says that somebody stands in between. */
const isForwarding = (header: string) =>
  header.startsWith('x-forwarded-') || ['forwarded', 'via', 'x-real-ip'].includes(header)

/** `secure`: this server itself speaks TLS. */
export function createOrigins(webserver: Config['webserver'], secure: boolean): Origins {
  const configured = [new URL(webserver.url).origin, ...webserver.origins]
  const hosts = new Set([
    ...configured.map((origin) => new URL(origin).hostname),
    webserver.host.toLowerCase(),
  ])
  const isProxy = createProxyCheck(webserver.trustedProxies)

  function allowHost(host: string): boolean {
    const name = hostName(host)
    if (name === undefined) return false
    return isLoopback(name) || isIP(name) !== 0 || hosts.has(name)
  }

  return {
    arrival({ headers, peerAddress }) {
      const trusted = isProxy(peerAddress)
      const said = (name: string) =>
        trusted ? headers.get(name)?.split(',').at(-1)?.trim() : undefined
      const host = (said('x-forwarded-host') ?? headers.get('host') ?? '').toLowerCase()
      const proto = said('x-forwarded-proto') ?? (secure ? 'https' : 'http')
      const forwardedFor = trusted ? (headers.get('x-forwarded-for') ?? '') : ''
      const origin = headers.get('origin') ?? ''
      return {
        host,
        // The browser's own word; whoever else says so only harms their own cookie.
        secure: proto === 'https' || (origin.startsWith('https:') && isSameHost(origin, host)),
        address: clientAddress(peerAddress, forwardedFor, isProxy),
        isLocal: isLoopback(peerAddress) && ![...headers.keys()].some(isForwarding),
      }
    },

    allowHost,

    requireHost(host) {
      if (!allowHost(host)) {
        throw new AppError('wrong-host', 'this server does not go by that name')
      }
    },

    allowOrigin: (origin, host) => configured.includes(origin) || isSameHost(origin, host),
  }
}

/** From the right, the first that is no proxy of ours: what stands left of it is anybody's word. */
function clientAddress(
  peerAddress: string,
  forwardedFor: string,
  isProxy: (address: string) => boolean,
): string {
  let address = peerAddress
  for (const entry of forwardedFor.split(',').reverse()) {
    const next = entry.trim().replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, '$1$3')
    if (!isProxy(address) || isIP(next) === 0) return address
    address = next
  }
  return address
}

function isSameHost(origin: string, host: string): boolean {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false
  const { protocol, host: from } = new URL(origin)
  // A Host may spell out the port that an Origin leaves away.
  const own = `${protocol}//${host}`
  return URL.canParse(own) && new URL(own).host === from
}

/** Undefined for what is no host at all. */
function hostName(host: string): string | undefined {
  const url = `http://${host}`
  if (/[/\\?#@%\s]/.test(host) || !URL.canParse(url)) return undefined
  return new URL(url).hostname.replace(/^\[|\]$/g, '')
}

function createProxyCheck(entries: string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/')
    if (isIP(address) === 0) continue
    const family = familyOf(address)
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address))
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
