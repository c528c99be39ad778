/** What LiveKit's `validate` says about a connection that a client could not open. */
import { gunzipSync } from 'node:zlib'
import { JoinRequest, WrappedJoinRequest, WrappedJoinRequest_Compression } from '@livekit/protocol'
import { SignalRefused, type SignalPath } from '../link/signal.ts'
import type { MediaGrants } from '../api/media-token.ts'

const longestRoomName = 256
const longestIdentity = 256
/** Go's limit for headers, which LiveKit takes for this, too. */
const largestJoinRequest = 1024 * 1024

/** Throws `SignalRefused`. Cheap, so the web process does it before anybody else is bothered. */
export function requireJoin({ identity, video }: MediaGrants): void {
  if (!video.roomJoin) throw new SignalRefused(401, 'permissions denied')
  if (identity === '') throw new SignalRefused(400, 'identity cannot be empty')
  if (Buffer.byteLength(identity) > longestIdentity) {
    throw tooLong('participant identity', longestIdentity)
  }
  if (video.room === '') throw new SignalRefused(400, 'no room name')
  if (Buffer.byteLength(video.room) > longestRoomName) throw tooLong('room name', longestRoomName)
}

function tooLong(what: string, most: number): SignalRefused {
  return new SignalRefused(400, `${what} length exceeds limits: max length ${most}`)
}

/** Throws `SignalRefused`. */
export function requireJoinRequest(path: SignalPath, query: string): void {
  const wrapped = new URLSearchParams(query).get('join_request')
  if (!wrapped) {
    if (path === '/rtc/v1') throw new SignalRefused(400, 'join_request is required')
    return
  }
  if (!/^[A-Za-z0-9_-]*={0,2}$/.test(wrapped) || wrapped.length % 4 !== 0) {
    throw new SignalRefused(400, 'cannot base64 decode wrapped join request')
  }
  const outer = parse('wrapped join request', () =>
    WrappedJoinRequest.fromBinary(Buffer.from(wrapped, 'base64url')),
  )
  const bytes =
    outer.compression === WrappedJoinRequest_Compression.GZIP
      ? unzip(outer.joinRequest)
      : outer.joinRequest
  parse('join request', () => JoinRequest.fromBinary(bytes))
}

function unzip(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: largestJoinRequest })
  } catch {
    throw new SignalRefused(400, 'cannot read decompressed join request')
  }
}

function parse<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch {
    throw new SignalRefused(400, `cannot unmarshal ${what}`)
  }
}
