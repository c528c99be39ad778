/** Where clients can reach this machine, as far as it knows itself. */
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'

export type Interfaces = Record<
  string,
  readonly Pick<NetworkInterfaceInfo, 'family' | 'internal' | 'address'>[] | undefined
>

/** More would only make clients try for longer. */
const maxAddresses = 16

/** Loopback, then the machine’s own, IPv4 first. Link-local ones say nothing without an interface. */
export function ownAddresses(interfaces: Interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap((addresses = []) => addresses)
  const of = (family: string, internal: boolean) =>
    all
      .filter((one) => one.family === family && one.internal === internal)
      .map(({ address }) => address)
      .filter((address) => !isLinkLocal(address))
  // Unusual, but a machine without the first one can still be talked to by the second.
  const loopback = of('IPv6', true).filter((address) => address === '::1')
  const own = [...of('IPv4', false), ...of('IPv6', false)]
  return [...new Set(['127.0.0.1', ...own, ...loopback])].slice(0, maxAddresses)
}

export function isLinkLocal(address: string): boolean {
  return /^169\.254\.|^fe[89ab][0-9a-f]?:/i.test(address)
}

/** Nobody on another machine gets anywhere with these. */
export function isOnlyLoopback(addresses: readonly string[]): boolean {
  return addresses.every((address) => address.startsWith('127.') || address === '::1')
}
