/** The join request that newer clients put into the address of their signalling connection. */
import { gunzipSync } from 'node:zlib'
import { JoinRequest, WrappedJoinRequest, WrappedJoinRequest_Compression } from '@livekit/protocol'
import { SignalRefused } from './signal.ts'

/** Go's limit for headers, which LiveKit takes for this, too. */
const maxJoinRequestBytes = 1024 * 1024

/** `wrapped`: base64url. Throws `SignalRefused` in LiveKit's words. */
export function readJoinRequest(wrapped: string): JoinRequest {
  const { joinRequest, compression } = attempt('cannot unmarshal wrapped join request', () =>
    WrappedJoinRequest.fromBinary(Buffer.from(wrapped, 'base64url')),
  )
  const isZipped = compression === WrappedJoinRequest_Compression.GZIP
  const bytes = isZipped
    ? attempt('cannot read decompressed join request', () =>
        gunzipSync(joinRequest, { maxOutputLength: maxJoinRequestBytes }),
      )
    : joinRequest
  return attempt('cannot unmarshal join request', () => JoinRequest.fromBinary(bytes))
}

function attempt<T>(failure: string, read: () => T): T {
  try {
    return read()
  } catch {
    throw new SignalRefused(400, failure)
  }
}
