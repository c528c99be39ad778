/**
 * The UDP ports of the embedded media server: one socket for each address, shared by everybody.
 * Packets find their connection by the ICE name in a signed binding request, and from then on by
 * where they come from.
 */
import { createSocket, type Socket } from 'node:dgram'
import { isSignedWith, isStun, parseBindingRequest, writeBindingSuccess } from './stun.ts'

/** A way to one client: our socket, its address. */
export interface MediaPath {
  send(packet: Buffer): void
}

/** Whoever waits for packets under an ICE name. */
export interface IceListener {
  /** A signed check came by this way. */
  heard(path: MediaPath, isNominating: boolean): void
  received(packet: Buffer): void
}

export interface MediaSockets {
  /** What clients are told. */
  readonly candidates: readonly { address: string; port: number }[]
  /** To clients, without the answers to their checks. */
  readonly packetsSent: number
  listen(ufrag: string, password: string, listener: IceListener): void
  /** Forgets the name. */
  unlisten(ufrag: string): void
  /** Forgets the ways to this listener. */
  forget(listener: IceListener): void
  close(): Promise<void>
}

export interface UdpPorts {
  /** Both 0: any free one. */
  from: number
  to: number
}

interface Route extends MediaPath {
  listener: IceListener
}

interface Way {
  routes: Map<string, Route>
  key: string
}

/** Of one client: each of its addresses to each of ours, and those before a change of network. */
const maxWays = 64

const receiveBufferBytes = 2_000_000

/** Throws when no address has a free port in the range. */
export async function openMediaSockets({
  addresses,
  ports,
  onError,
}: {
  addresses: readonly string[]
  ports: UdpPorts
  onError(error: unknown): void
}): Promise<MediaSockets> {
  const names = new Map<string, { password: string; listener: IceListener }>()
  const sockets: Socket[] = []
  const ways = new Map<IceListener, Way[]>()
  const candidates: { address: string; port: number }[] = []
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
    const name = request && names.get(request.localUfrag)
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
      remember(name.listener, routes, key)
    }
    name.listener.heard(route, request.isNominating)
  }

  function remember(listener: IceListener, routes: Map<string, Route>, key: string): void {
    const known = ways.get(listener) ?? []
    ways.set(listener, known)
    known.push({ routes, key })
    if (known.length > maxWays) drop(listener, known.shift())
  }

  function drop(listener: IceListener, way: Way | undefined): void {
    // Another client may have the address by now.
    if (way?.routes.get(way.key)?.listener === listener) way.routes.delete(way.key)
  }

  for (const address of new Set(addresses)) {
    const bound = await bindWithin(ports, address)
    if (!bound) continue
    serve(bound)
    candidates.push({ address, port: bound.address().port })
  }
  // Addresses that are not the machine's own (a router passes their ports on): any interface.
  const foreign = [...new Set(addresses)].filter((a) => !candidates.some((c) => c.address === a))
  if (foreign.length > 0) {
    const bound = await bindWithin(ports, '0.0.0.0')
    if (bound) {
      serve(bound)
      for (const address of foreign) candidates.push({ address, port: bound.address().port })
    }
  }
  if (candidates.length === 0) {
    throw new Error(`no free UDP port in ${ports.from}-${ports.to} on ${addresses.join(', ')}`)
  }

  return {
    candidates,
    get packetsSent() {
      return packetsSent
    },
    listen(ufrag, password, listener) {
      names.set(ufrag, { password, listener })
    },
    unlisten(ufrag) {
      names.delete(ufrag)
    },
    forget(listener) {
      for (const way of ways.get(listener) ?? []) drop(listener, way)
      ways.delete(listener)
    },
    async close() {
      names.clear()
      ways.clear()
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
    const socket = createSocket({ type: 'udp4', recvBufferSize: receiveBufferBytes })
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
