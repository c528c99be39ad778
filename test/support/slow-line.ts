/**
 * A slow line in front of a UDP port of 127.0.0.1: what comes from there goes on at so many bits a second,
 * out of a queue as routers have one, whose end is cut off. What goes there is not held up.
 */
import { createSocket, type Socket } from 'node:dgram'

export interface SlowLine {
  readonly port: number
  /** Packets that found the queue full. */
  readonly dropped: number
  /** Infinity: as if it was not there. */
  setBitrate(bitrate: number): void
  close(): Promise<void>
}

/** Of IP and UDP. */
const headBytes = 28

export async function openSlowLine(
  target: number,
  { bitrate: first, queueMs = 500 }: { bitrate: number; queueMs?: number },
): Promise<SlowLine> {
  const sockets: Socket[] = []
  const ways = new Map<string, Promise<Socket>>()
  let bitrate = first
  let freeAt = 0
  let dropped = 0
  const front = await bound()
  const timers = new Set<NodeJS.Timeout>()

  async function bound(): Promise<Socket> {
    const socket = createSocket('udp4')
    sockets.push(socket)
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    return socket
  }

  /** A socket for each client: the server tells them apart by where they come from. */
  async function open(address: string, port: number): Promise<Socket> {
    const back = await bound()
    back.on('message', (packet) => {
      const now = performance.now()
      const begins = Math.max(now, freeAt)
      if (begins - now > queueMs) {
        dropped += 1
        return
      }
      freeAt = begins + ((packet.length + headBytes) * 8_000) / bitrate
      const timer = setTimeout(() => {
        timers.delete(timer)
        front.send(packet, port, address)
      }, freeAt - now)
      timers.add(timer)
    })
    return back
  }

  front.on('message', (packet, { address, port }) => {
    const key = `${address}:${port}`
    const way = ways.get(key) ?? open(address, port)
    ways.set(key, way)
    void way.then((back) => back.send(packet, target, '127.0.0.1'))
  })

  return {
    port: front.address().port,
    get dropped() {
      return dropped
    },
    setBitrate(next) {
      bitrate = next
    },
    async close() {
      timers.forEach(clearTimeout)
      await Promise.all(sockets.map((socket) => new Promise<void>((done) => socket.close(done))))
    },
  }
}
