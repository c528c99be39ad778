/**
 * The UDP ports of the embedded media server: one socket for each address, shared by everybody.
 * Packets find their connection by the ICE name in a signed binding request, and from then on by
 * where they come from.
 */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { UdpPorts } from '../link/media-config.ts'
import { isSignedWith, isStun, parseBindingRequest, writeBindingSuccess } from './stun.ts'

/** A way to one client: our socket, its address. */
export interface MediaPath {
  send(packet: Buffer): void
}

/** Whoever waits for packets under an ICE name. */
export interface IceListener {
  /** A signed check came by this way. */
  checked(path: MediaPath, isNominating: boolean): void
  received(packet: Buffer): void
}

export interface UdpSockets {
  /** What clients are told. */
  readonly candidates: readonly { address: string; port: number }[]
  /** To clients, without the answers to their checks. */
  readonly packetsSent: number
  /** Looks at the addresses again: new ones are served before it resolves, lost ones are not told any more. */
  refreshAddresses(): Promise<void>
  addListener(ufrag: string, password: string, listener: IceListener): void
  /** Forgets the name. */
  removeListener(ufrag: string): void
  /** Forgets the ways to this listener. */
  removeRoutes(listener: IceListener): void
  close(): Promise<void>
}

interface Route extends MediaPath {
  listener: IceListener
}

interface RouteKey {
  routes: Map<string, Route>
  key: string
}

/** Of one client: each of its addresses to each of ours, and those before a change of network. */
const maxRoutes = 64

const receiveBufferBytes = 2_000_000

/** Throws when no address has a free port in the range. */
export async function openUdpSockets({
  addresses,
  ports,
  onError,
  changed,
}: {
  addresses(): readonly string[]
  ports: UdpPorts
  onError(error: unknown): void
  /** Clients are told others than before. */
  changed(candidates: UdpSockets['candidates']): void
}): Promise<UdpSockets> {
  const credentials = new Map<string, { password: string; listener: IceListener }>()
  const sockets: Socket[] = []
  const routesOf = new Map<IceListener, RouteKey[]>()
  /** Ports by address, also of those that the machine does not have just now. */
  const bound = new Map<string, number>()
  /** For addresses that are not the machine's own. */
  const anywhere = new Map<'udp4' | 'udp6', number>()
  let candidates: readonly { address: string; port: number }[] = []
  let refreshing: Promise<void> | null = null
  let isClosed = false
  let packetsSent = 0

  function serve(socket: Socket): void {
    const routes = new Map<string, Route>()
    sockets.push(socket)
    socket.on('message', (packet, from) => {
      // Anybody can send anything here: nothing of it may end the process.
      try {
        const key = `${from.address}:${from.port}`
        if (isStun(packet)) check(socket, routes, key, packet, from)
        else routes.get(key)?.listener.received(packet)
      } catch (error) {
        onError(error)
      }
    })
    socket.on('error', onError)
  }

  function check(
    socket: Socket,
    routes: Map<string, Route>,
    key: string,
    packet: Buffer,
    { address, port }: { address: string; port: number },
  ): void {
    const request = parseBindingRequest(packet)
    const name = request && credentials.get(request.localUfrag)
    if (!name || !isSignedWith(name.password, request)) return
    const success = writeBindingSuccess(request.transactionId, { address, port }, name.password)
    socket.send(success, port, address, ignore)
    let route = routes.get(key)
    if (!route || route.listener !== name.listener) {
      route = {
        listener: name.listener,
        send: (data) => {
          // A closed socket throws; who leaves while the server closes is no news.
          try {
            packetsSent += 1
            socket.send(data, port, address, ignore)
          } catch (error) {
            onError(error)
          }
        },
      }
      routes.set(key, route)
      addRoute(name.listener, routes, key)
    }
    name.listener.checked(route, request.isNominating)
  }

  function addRoute(listener: IceListener, routes: Map<string, Route>, key: string): void {
    const known = routesOf.get(listener) ?? []
    routesOf.set(listener, known)
    known.push({ routes, key })
    if (known.length > maxRoutes) removeRoute(listener, known.shift())
  }

  function removeRoute(listener: IceListener, route: RouteKey | undefined): void {
    // Another client may have the address by now.
    if (route?.routes.get(route.key)?.listener === listener) route.routes.delete(route.key)
  }

  async function open(address: string): Promise<number | undefined> {
    const socket = await bindWithin(ports, address)
    if (!socket) return undefined
    if (isClosed) {
      socket.close()
      return undefined
    }
    serve(socket)
    return socket.address().port
  }

  /** Where a router passes its ports on: in by any interface. */
  async function openAnywhere(address: string): Promise<number | undefined> {
    const family = isIPv6(address) ? 'udp6' : 'udp4'
    const port = anywhere.get(family) ?? (await open(family === 'udp6' ? '::' : '0.0.0.0'))
    if (port !== undefined) anywhere.set(family, port)
    return port
  }

  async function bindAddresses(): Promise<void> {
    const wanted = [...new Set(addresses())]
    if (wanted.join() === candidates.map(({ address }) => address).join()) return
    const present: { address: string; port: number }[] = []
    const foreign: string[] = []
    for (const address of wanted) {
      const port = bound.get(address) ?? (await open(address))
      if (port === undefined) foreign.push(address)
      else {
        bound.set(address, port)
        present.push({ address, port })
      }
    }
    for (const address of foreign) {
      const port = await openAnywhere(address)
      if (port !== undefined) present.push({ address, port })
    }
    if (isClosed) return
    const toText = (all: UdpSockets['candidates']) => all.map(({ address }) => address).join()
    const isOther = toText(present) !== toText(candidates)
    candidates = present
    if (isOther) changed(candidates)
  }

  await bindAddresses()
  if (candidates.length === 0) {
    throw new Error(`no free UDP port in ${ports.from}-${ports.to} on ${addresses().join(', ')}`)
  }

  return {
    get candidates() {
      return candidates
    },
    refreshAddresses() {
      refreshing ??= bindAddresses()
        .catch(onError)
        .finally(() => {
          refreshing = null
        })
      return refreshing
    },
    get packetsSent() {
      return packetsSent
    },
    addListener(ufrag, password, listener) {
      credentials.set(ufrag, { password, listener })
    },
    removeListener(ufrag) {
      credentials.delete(ufrag)
    },
    removeRoutes(listener) {
      for (const way of routesOf.get(listener) ?? []) removeRoute(listener, way)
      routesOf.delete(listener)
    },
    async close() {
      isClosed = true
      credentials.clear()
      routesOf.clear()
      await Promise.all(
        sockets.splice(0).map(
          (socket) =>
            new Promise<void>((resolve) => {
              socket.close(resolve)
            }),
        ),
      )
    },
  }
}

/** A lost packet is a lost packet. */
function ignore(): void {}

async function bindWithin({ from, to }: UdpPorts, address: string): Promise<Socket | undefined> {
  for (let port = from; port <= to; port += 1) {
    const socket = isIPv6(address)
      ? createSocket({ type: 'udp6', ipv6Only: true, recvBufferSize: receiveBufferBytes })
      : createSocket({ type: 'udp4', recvBufferSize: receiveBufferBytes })
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      socket.once('error', resolve)
      socket.bind(port, address, () => {
        socket.removeAllListeners('error')
        resolve(undefined)
      })
    })
    if (!error) return socket
    socket.close()
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') return undefined
  }
  return undefined
}
