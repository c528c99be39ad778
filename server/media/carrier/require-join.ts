/** What LiveKit's `validate` says about a connection that a client could not open. */
import { readJoinRequest } from '../link/join-request.ts'
import type { MediaGrants } from '../link/media-grants.ts'
import { SignalRefused, type SignalPath } from '../link/signal.ts'

const maxRoomNameBytes = 256
const maxIdentityBytes = 256

/** Throws `SignalRefused`. Cheap, so the web process does it before anybody else is bothered. */
export function requireJoin({ identity, video }: MediaGrants): void {
  if (!video.roomJoin) throw new SignalRefused(401, 'permissions denied')
  if (identity === '') throw new SignalRefused(400, 'identity cannot be empty')
  if (Buffer.byteLength(identity) > maxIdentityBytes) {
    throw tooLong('participant identity', maxIdentityBytes)
  }
  if (video.room === '') throw new SignalRefused(400, 'no room name')
  if (Buffer.byteLength(video.room) > maxRoomNameBytes) throw tooLong('room name', maxRoomNameBytes)
}

function tooLong(what: string, maxBytes: number): SignalRefused {
  return new SignalRefused(400, `${what} length exceeds limits: max length ${maxBytes}`)
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
  readJoinRequest(wrapped)
}
