/** Where clients are told to send their media, and how it is answered there. */
import { createSocket } from 'node:dgram'
import { createHmac } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { openUdpSockets, type UdpSockets } from '../../../../server/media/transport/udp-sockets.ts'
import {
  isOnlyLoopback,
  ownAddresses,
  type Interfaces,
} from '../../../../server/media/link/own-addresses.ts'

const one = (address: string, internal = false) => ({
  address,
  internal,
  family: address.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
})

describe('the machine’s own addresses', () => {
  test('of both families, IPv4 first, without the link-local ones', () => {
    const interfaces: Interfaces = {
      lo: [one('127.0.0.1', true), one('::1', true)],
      eth0: [one('fe80::1'), one('fd00::7'), one('10.0.0.7'), one('169.254.3.4')],
      wlan0: [one('febf::2'), one('2001:db8::7'), one('192.168.1.7')],
    }
    expect(ownAddresses(interfaces)).toEqual([
      '127.0.0.1',
      '10.0.0.7',
      '192.168.1.7',
      'fd00::7',
      '2001:db8::7',
      '::1',
    ])
  })

  test('a machine with IPv6 only has some for others, one with loopback only has none', () => {
    const lo = [one('127.0.0.1', true), one('::1', true)]
    expect(isOnlyLoopback(ownAddresses({ lo, eth0: [one('fd00::1')] }))).toBe(false)
    expect(isOnlyLoopback(ownAddresses({ lo, eth0: [one('fe80::1')] }))).toBe(true)
  })
})

describe('sockets', () => {
  let sockets: UdpSockets | undefined
  afterEach(() => sockets?.close())

  async function open(addresses: () => string[]): Promise<string[][]> {
    const told: string[][] = []
    sockets = await openUdpSockets({
      addresses,
      ports: { from: 0, to: 0 },
      onError(error) {
        throw error
      },
      changed: (candidates) => told.push(candidates.map(({ address }) => address)),
    })
    return told
  }

  test('a later look serves new addresses and tells no more of lost ones; nothing is said when nothing changed', async () => {
    let now = ['127.0.0.1']
    const told = await open(() => now)
    await sockets?.refreshAddresses()
    now = ['127.0.0.1', '127.0.0.2']
    await sockets?.refreshAddresses()
    now = ['127.0.0.1', '127.0.0.3']
    await sockets?.refreshAddresses()
    now = ['127.0.0.1', '127.0.0.2']
    await sockets?.refreshAddresses()
    expect(told).toEqual([
      ['127.0.0.1'],
      ['127.0.0.1', '127.0.0.2'],
      ['127.0.0.1', '127.0.0.3'],
      ['127.0.0.1', '127.0.0.2'],
    ])
    expect(sockets?.candidates.every(({ port }) => port > 0)).toBe(true)
  })

  const hasIpv6 = (networkInterfaces()['lo'] ?? networkInterfaces()['lo0'] ?? []).some(
    ({ address }) => address === '::1',
  )
  test.skipIf(!hasIpv6)('a signed check to [::1] is answered (skipped without IPv6)', async () => {
    await open(() => ['::1'])
    const heard = new Promise<boolean>((resolve) => {
      sockets?.addListener('server', 'secret', {
        checked: (_path, isNominating) => resolve(isNominating),
        received: () => undefined,
      })
    })
    const client = createSocket('udp6')
    const answer = new Promise<Buffer>((resolve) => client.once('message', resolve))
    client.send(bindingRequest('server:client', 'secret'), sockets?.candidates[0]?.port ?? 0, '::1')
    expect(await heard).toBe(false)
    expect((await answer).readUInt16BE(0)).toBe(0x0101)
    client.close()
  })
})

function bindingRequest(username: string, password: string): Buffer {
  const name = Buffer.alloc(4 + Math.ceil(username.length / 4) * 4)
  name.writeUInt16BE(6, 0)
  name.writeUInt16BE(username.length, 2)
  name.write(username, 4)
  const head = Buffer.from('0001000021 12a442'.replace(' ', '') + '0102030405060708090a0b0c', 'hex')
  head.writeUInt16BE(name.length + 24, 2)
  const signature = createHmac('sha1', password)
    .update(Buffer.concat([head, name]))
    .digest()
  return Buffer.concat([head, name, Buffer.from([0, 8, 0, 20]), signature])
}
