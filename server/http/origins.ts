/** Which hosts and origins may be spoken from, and whose word about them counts. */
import { BlockList, isIP } from 'node:net'
import type { Config } from '../config/config.ts'
import { AppError } from '../errors.ts'
import { isLoopback } from '../config/load-config.ts'
import type { ProxyHints } from './proxy-hints.ts'
import type { RequestHead } from './request.ts'

/** The request as the browser made it, proxies taken into account. */
export interface Arrival {
  /** Lower case, with a port when there is one. What is checked, not what is believed. */
  host: string
  /** As the browser reaches us: what it is told to come back to is built from this. */
  publicHost: string
  /** The browser came by https, as far as anybody who is believed says. */
  secure: boolean
  address: string
  /** From this machine itself, for sure without a proxy in between. */
  isLocal: boolean
}

export interface Origins {
  arrival(head: Pick<RequestHead, 'headers' | 'peerAddress'>): Arrival
  /** Throws `wrong-host` for DNS rebinding: a Host that is neither localhost, an address, nor configured. */
  requireHost(host: string): void
  /** This host, or one of the configured ones. What is refused is told to the operator, too. */
  allowOrigin(origin: string, host: string): boolean
  /** Those that are configured, as browsers write them. */
  readonly configured: readonly string[]
}

/** Any of them says that somebody stands in between. */
const isForwarding = (header: string) =>
  header.startsWith('x-forwarded-') || ['forwarded', 'via', 'x-real-ip'].includes(header)

/** `secure`: this server itself speaks TLS. */
export function createOrigins(
  webserver: Config['webserver'],
  { secure, hints }: { secure: boolean; hints: ProxyHints },
): Origins {
  const configured = [webserver.url, ...webserver.origins].map((url) => new URL(url).origin)
  // Where people come from elsewhere, or by https that is not ours, a proxy may be in front and say nothing.
  const isForHereOnly = configured.every((origin) => {
    const { hostname, protocol } = new URL(origin)
    return isLoopback(hostname) && (protocol === 'https:') === secure
  })
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
    configured,

    arrival({ headers, peerAddress }) {
      const trusted = isProxy(peerAddress)
      const forwarded = (name: string) =>
        trusted ? headers.get(name)?.split(',').at(-1)?.trim() : undefined
      const host = (forwarded('x-forwarded-host') ?? headers.get('host') ?? '').toLowerCase()
      const proto = forwarded('x-forwarded-proto') ?? (secure ? 'https' : 'http')
      const forwardedFor = headers.get('x-forwarded-for') ?? ''
      const origin = headers.get('origin') ?? ''
      // The browser's own word; whoever else says so only harms themselves.
      const isConfigured = configured.includes(origin)
      const isOwn = isConfigured || isSameHost(origin, host)
      if (forwardedFor !== '' && !trusted) hints.forwarderNotTrusted(peerAddress)
      if (isConfigured && !isSameHost(origin, host)) hints.hostIsRewritten(origin, host)
      return {
        host,
        publicHost: isConfigured ? new URL(origin).host : host,
        secure: isOwn ? origin.startsWith('https:') || proto === 'https' : proto === 'https',
        address: clientAddress(peerAddress, trusted ? forwardedFor : '', isProxy),
        isLocal:
          isForHereOnly &&
          isLoopback(peerAddress) &&
          isLoopback(hostName(host) ?? '') &&
          ![...headers.keys()].some(isForwarding),
      }
    },

    requireHost(host) {
      if (allowHost(host)) return
      hints.hostIsUnknown(host)
      throw new AppError('wrong-host', 'this server does not go by that name')
    },

    allowOrigin(origin, host) {
      const isAllowed = configured.includes(origin) || isSameHost(origin, host)
      if (!isAllowed) hints.originIsUnknown(origin, host)
      return isAllowed
    },
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
