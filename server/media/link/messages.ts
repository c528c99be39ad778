/**
 * What the web process and the media process say to each other over their private socket: frames
 * of a length, a kind and a body, which is JSON or a signalling frame of one connection.
 */
import type { MediaConfig } from './media-config.ts'
import type { MediaGrants } from './media-grants.ts'
import type { SignalPath } from './signal.ts'

/** Another number on the other side: the media process is of another program and must be replaced. */
export const linkVersion = 1

/** What a media process is made with; another one needs another process. Never logged. */
export interface MediaProcessConfig {
  apiKey: string
  apiSecret: string
  media: MediaConfig
  logLevel: string
}

/** May change while the media process goes on. */
export interface WebhookTarget {
  urls: string[]
  /** PEM of the one certificate that is believed; null for who the system trusts. */
  certificate: string | null
}

export interface MediaStats {
  rooms: number
  participants: number
  packetsIn: number
  packetsOut: number
}

export type ToMediaProcess =
  | { type: 'configure'; config: MediaProcessConfig; configHash: string }
  | { type: 'attach'; webhooks: WebhookTarget }
  | { type: 'open'; id: number; path: SignalPath; query: string; grants: MediaGrants }
  | { type: 'closed'; id: number }
  | {
      type: 'twirp'
      id: number
      method: string
      path: string
      authorization: string | null
      contentType: string
      /** Base64, as in the answer. */
      body: string
    }
  | { type: 'ping' }
  /** The web process stops in good order: another one may come. */
  | { type: 'bye' }
  /** Another configuration or program is wanted: everybody is told, and the process ends. */
  | { type: 'end' }

export type FromMediaProcess =
  | { type: 'status'; linkVersion: number; pid: number; configHash: string | null }
  | { type: 'attached' }
  /** It could not be made with that configuration, and ends. */
  | { type: 'failed'; message: string }
  | { type: 'opened'; id: number }
  | { type: 'refused'; id: number; status: number; message: string }
  | { type: 'close'; id: number; code: number; reason: string }
  | { type: 'twirp'; id: number; status: number; contentType: string; body: string }
  | { type: 'pong'; stats: MediaStats }
  | { type: 'log'; line: string }
  /** Another web process took over; this one must not come back. */
  | { type: 'superseded' }

export type Frame<M> =
  { kind: 'message'; message: M } | { kind: 'signal'; id: number; data: Uint8Array }

const messageKind = 1
const signalKind = 2
const headBytes = 5
/** Beyond what any side sends: the stream is broken. */
const maxFrameBytes = 8 * 1024 * 1024

export function encodeMessage(message: ToMediaProcess | FromMediaProcess): Buffer {
  const body = Buffer.from(JSON.stringify(message))
  return Buffer.concat([head(messageKind, body.length), body])
}

export function encodeSignal(id: number, data: Uint8Array): Buffer {
  const frame = Buffer.alloc(headBytes + 4 + data.byteLength)
  head(signalKind, 4 + data.byteLength).copy(frame)
  frame.writeUInt32BE(id, headBytes)
  frame.set(data, headBytes + 4)
  return frame
}

function head(kind: number, length: number): Buffer {
  const bytes = Buffer.alloc(headBytes)
  bytes.writeUInt32BE(length)
  bytes.writeUInt8(kind, 4)
  return bytes
}

/** Takes the stream in whatever pieces it comes. Throws when it is no stream of frames. */
export function createFrameReader<M>(): (chunk: Buffer) => Frame<M>[] {
  let pieces: Buffer[] = []
  let size = 0
  /** So much is needed before another look makes sense. */
  let needed = headBytes
  return (chunk) => {
    pieces.push(chunk)
    size += chunk.length
    if (size < needed) return []
    let bytes = pieces.length === 1 ? chunk : Buffer.concat(pieces)
    const frames: Frame<M>[] = []
    for (;;) {
      needed = headBytes
      if (bytes.length < needed) break
      const length = bytes.readUInt32BE()
      if (length > maxFrameBytes) throw new Error('a frame is too large')
      needed = headBytes + length
      if (bytes.length < needed) break
      frames.push(decode(bytes.readUInt8(4), bytes.subarray(headBytes, needed)))
      bytes = bytes.subarray(needed)
    }
    pieces = [bytes]
    size = bytes.length
    return frames
  }
}

function decode<M>(kind: number, body: Buffer): Frame<M> {
  if (kind === messageKind) {
    return { kind: 'message', message: JSON.parse(body.toString()) as M }
  }
  if (kind === signalKind && body.length >= 4) {
    return { kind: 'signal', id: body.readUInt32BE(), data: body.subarray(4) }
  }
  throw new Error('a frame of an unknown kind')
}
