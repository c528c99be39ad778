/** A client whose bytes arrive as it wants them to: in two reads of the server, which is in this process. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface Pieces {
  port: number
  tls: boolean
  /** Written one after the other, each read before the next is written. */
  pieces: (string | Buffer)[]
  /** Whole, and answered before the pieces. */
  before?: string
}

/** The status of the last answer, or how the connection ended. */
export async function statusOf({ port, tls, pieces, before }: Pieces): Promise<number | string> {
  const socket = await open(port, tls)
  try {
    if (before !== undefined) {
      const answered = readAnswer(socket)
      socket.write(before)
      await answered
    }
    const answered = readAnswer(socket)
    for (const piece of pieces) {
      await new Promise((written) => socket.write(piece, written))
      await nextRound()
      await nextRound()
    }
    return await answered
  } finally {
    socket.destroy()
  }
}

function open(port: number, tls: boolean): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const at = { port, host: '127.0.0.1', noDelay: true }
    const socket: Socket = tls
      ? connectTls({ ...at, rejectUnauthorized: false }, () => resolve(socket))
      : connect(at, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Whatever a socket has to read is read in between: loopback delivers at once. */
const nextRound = () => new Promise((resolve) => setImmediate(resolve))

/** Waits for the head and as much body as it announces. */
function readAnswer(socket: Socket): Promise<number | string> {
  return new Promise((resolve) => {
    let text = ''
    const take = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end === -1) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
      if (text.length < end + 4 + length) return
      done(Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]))
    }
    const ended = () => done(text === '' ? 'closed' : `closed after ${text.split('\r\n')[0]}`)
    const failed = (error: Error) => done(error.message)
    const done = (seen: number | string) => {
      socket.off('data', take).off('close', ended).off('error', failed)
      socket.on('error', () => undefined)
      resolve(seen)
    }
    socket.on('data', take).on('close', ended).on('error', failed)
  })
}
