/** Many WebSocket clients that only count what comes: bare sockets, because parsing would be what is measured. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

export interface Readers {
  /** Resolves when so many more frames have come, over all sockets. */
  untilMore(frames: number): Promise<void>
  /** Frames so far, over all sockets. */
  frames(): number
  close(): void
}

export async function openReaders(
  port: number,
  path: string,
  count: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Readers> {
  let frames = 0
  let wanted: { at: number; resolve: () => void } | null = null
  const came = (more: number) => {
    frames += more
    if (wanted && frames >= wanted.at) wanted.resolve()
  }
  const sockets: Socket[] = []
  // A few at a time: a listening queue is not what is measured.
  for (let first = 0; first < count; first += 50) {
    const some = Array.from({ length: Math.min(50, count - first) }, () =>
      openReader(port, path, headers, came),
    )
    sockets.push(...(await Promise.all(some)))
  }
  return {
    untilMore(more) {
      return new Promise((resolve) => {
        wanted = { at: frames + more, resolve }
      })
    },
    frames: () => frames,
    close: () => sockets.forEach((socket) => socket.destroy()),
  }
}

/** Resolves once the server has said its first word, or right away where it says none. */
function openReader(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
  came: (frames: number) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const greets = path !== '/'
    let upgraded = false
    let greeted = !greets
    let rest = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('connect', () => {
      const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(
        `GET ${path} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n` +
          `sec-websocket-version: 13\r\nsec-websocket-key: ${randomBytes(16).toString('base64')}\r\n` +
          `${more.join('')}\r\n`,
      )
    })
    socket.on('data', (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      if (!upgraded) {
        const end = rest.indexOf('\r\n\r\n')
        if (end < 0) return
        upgraded = true
        rest = rest.subarray(end + 4)
        if (greeted) resolve(socket)
      }
      let frames = 0
      for (let size = frameSize(rest); size > 0 && size <= rest.length; size = frameSize(rest)) {
        rest = rest.subarray(size)
        if (greeted) frames += 1
        else {
          greeted = true
          resolve(socket)
        }
      }
      if (frames > 0) came(frames)
    })
  })
}

/** Of the first frame, with its head; 0 when that is not whole. Servers do not mask. */
function frameSize(bytes: Buffer): number {
  if (bytes.length < 2) return 0
  const short = (bytes[1] ?? 0) & 0x7f
  if (short < 126) return 2 + short
  if (short === 126) return bytes.length < 4 ? 0 : 4 + bytes.readUInt16BE(2)
  return bytes.length < 10 ? 0 : 10 + Number(bytes.readBigUInt64BE(2))
}
