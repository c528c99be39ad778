/** Bytes on a TCP connection, as no library would send them, and what comes back. */
import { connect } from 'node:net'

export interface RawAnswer {
  /** Null: the connection was closed without an answer. */
  status: number | null
  text: string
}

/** Resolves with the first whole answer, or when the server closes. `thenHangUp`: does not wait for any. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  {
    thenHangUp = false,
    afterUpgrade,
    timeoutMs = 30_000,
  }: { thenHangUp?: boolean; afterUpgrade?: Buffer; timeoutMs?: number } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    const done = () => {
      clearTimeout(timer)
      const text = Buffer.concat(chunks).toString('latin1')
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
      socket.destroy()
      resolve({ status: status === undefined ? null : Number(status), text })
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`neither an answer nor an end in ${timeoutMs} ms`))
    }, timeoutMs)
    socket.on('connect', () => {
      socket.write(bytes)
      if (thenHangUp) socket.end()
    })
    socket.on('data', (chunk: Buffer) => {
      const isFirst = chunks.length === 0
      chunks.push(chunk)
      if (isFirst && afterUpgrade && chunk.toString('latin1').startsWith('HTTP/1.1 101')) {
        socket.write(afterUpgrade)
      }
      if (isWhole(Buffer.concat(chunks).toString('latin1'))) done()
    })
    socket.on('close', done)
    // A reset is an end, too.
    socket.on('error', () => undefined)
  })
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return false
  if (text.startsWith('HTTP/1.1 101')) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? '0'
  return text.length >= end + 4 + Number(length)
}

/** A frame from a client, masked as it must be unless `masked` is false. */
export function toFrame(
  opcode: number,
  payload: Buffer,
  { fin = true, masked = true, reserved = 0, length = payload.length } = {},
): Buffer {
  const first = (fin ? 0x80 : 0) | reserved | opcode
  const mask = Buffer.from([1, 2, 3, 4])
  const bit = masked ? 0x80 : 0
  const head =
    length < 126
      ? Buffer.from([first, bit | length])
      : length < 65_536
        ? Buffer.from([first, bit | 126, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([first, bit | 127]), bigLength(length)])
  const body = masked ? payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0)) : payload
  return Buffer.concat([head, masked ? mask : Buffer.alloc(0), body])
}

function bigLength(length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length))
  return bytes
}
