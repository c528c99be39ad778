/** One client's signalling connection, as both processes know it. */
import type { MediaGrants } from './media-grants.ts'

/** Which of LiveKit's two signalling protocols: one peer connection (v1) or two (v0). */
export type SignalPath = '/rtc' | '/rtc/v1'

export interface SignalRequest {
  path: SignalPath
  /** As sent, without `?`; the token is out of it already. */
  query: string
  grants: MediaGrants
}

/** The way back to the client. Frames are protobuf `SignalResponse`s. */
export interface SignalPeer {
  send(frame: Uint8Array): void
  close(code: number, reason: string): void
}

/** One signalling connection; outlives nothing: a resume opens another one. */
export interface SignalSession {
  /** A protobuf `SignalRequest`; whatever it holds, it never throws. */
  receive(frame: Uint8Array): void
  /** The client's socket is closed. */
  closed(): void
}

/** Why a connection is not even opened. */
export class SignalRefused extends Error {
  readonly status: 400 | 401 | 403 | 404 | 503

  constructor(status: SignalRefused['status'], message: string) {
    super(message)
    this.name = 'SignalRefused'
    this.status = status
  }
}
