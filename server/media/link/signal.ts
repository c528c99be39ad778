/**
 * The embedded media server as seen by the process that carries it: verified people come in with a
 * signalling peer, rooms can be asked about and changed, events go out for the webhooks.
 */
import type { ParticipantInfo, Room, TrackInfo, WebhookEvent } from '@livekit/protocol'
import type { MediaGrants } from '../api/media-token.ts'

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

/** What LiveKit's RoomService can ask; names are LiveKit's room names. */
export interface MediaRooms {
  /** All, or those with these names. */
  list(names: string[]): Room[]
  /** Makes the room, or gives the one that is there. Seconds; undefined: the defaults. */
  create(options: {
    name: string
    emptyTimeout?: number
    departureTimeout?: number
    maxParticipants?: number
    metadata?: string
  }): Room
  /** False when there is none. */
  delete(name: string): boolean
  participants(room: string): ParticipantInfo[]
  participant(room: string, identity: string): ParticipantInfo | undefined
  remove(room: string, identity: string): boolean
  /** Undefined when there is no such track. */
  mute(room: string, identity: string, trackSid: string, muted: boolean): TrackInfo | undefined
}

export interface MediaServer {
  /** To be waited for in front of `connect`: the machine's addresses may be others by now. */
  prepare(): Promise<void>
  /** Throws `SignalRefused`. */
  connect(request: SignalRequest, peer: SignalPeer): SignalSession
  rooms: MediaRooms
  /** In LiveKit's order; whoever listens signs and sends them. */
  onEvent(listener: (event: WebhookEvent) => void): void
  /** Nobody carries signalling just now (the web process is restarting): lost sockets are no loss yet. */
  carrierAway(): void
  carrierBack(): void
  stats(): { rooms: number; participants: number; packetsIn: number; packetsOut: number }
  close(): Promise<void>
}
