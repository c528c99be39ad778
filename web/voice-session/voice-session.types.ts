/**
 * What a voice session needs, and what it offers. By these ports alone it knows our server, LiveKit, the
 * page and time, so that browsers and the simulation (test/simulation/) run the very same session.
 */
import type { ActorOptions, ActorRefFrom, AnyActorLogic } from 'xstate'
import type { Place, VoiceSessionEffect, Wishes } from '../../machines/voice-session.events.ts'
import type { voiceSessionMachine } from '../../machines/voice-session.machine.ts'
import type { OverReason, Standing } from '../../machines/voice-session.reasons.ts'
import type { Join } from '../../server/protocol/wire.ts'
import type { MediaConnection, MediaEvent } from '../livekit/media-connection.types.ts'

export type VoiceSessionActor = ActorRefFrom<typeof voiceSessionMachine>

/** What was refused, in the machine's words. */
export type JoinResult = { join: Join } | { refused: OverReason }

/** Why a join was given up, for whoever runs the server (R54). */
export type FailedJoin = NonNullable<Extract<VoiceSessionEffect, { type: 'tell.leave' }>['failed']>

export type Announced = Extract<VoiceSessionEffect, { type: 'announce' }>

/** XState's own, for the machine's waits and for ours. */
export type SessionClock = NonNullable<ActorOptions<AnyActorLogic>['clock']>

export interface SavedPlace {
  roomId: string
  callId: string
  wishes: Wishes
}

/** The browser's lock on a call. */
export interface CallLock {
  /** For a page that comes back: false when another tab keeps the lock. */
  acquireIfFree(callId: string): Promise<boolean>
  /** For a click: the person wants the call here, whoever holds it. */
  steal(callId: string): void
  release(): void
}

export interface VoiceSessionPorts<Connection extends MediaConnection> {
  canEncrypt(): boolean
  /** Never throws: what goes wrong is a reason. */
  join(roomId: string, connectionId: string): Promise<JoinResult>
  /** Throws when our server could not be told. */
  leave(place: Place, failed?: FailedJoin): Promise<void>
  leaveBeacon(place: Place): void
  /** What our server says of us; the last known answer when it cannot be asked. */
  standing(roomId: string, callId: string): Promise<Standing>
  /** Loads what knows LiveKit; gives how to open a connection. */
  loadMedia(): Promise<(join: Join, emit: (event: MediaEvent) => void) => Connection>
  /** A connection was closed. */
  mediaGone(): void
  lock: CallLock
  /** What a reload comes back by. */
  savedPlace: { read(): SavedPlace | null; write(place: SavedPlace | null): void }
  announce(news: Announced): void
  /** Nothing is left of the call. */
  over(): void
  newId(): string
  clock: SessionClock
}

export interface VoiceSession<Connection extends MediaConnection = MediaConnection> {
  actor: VoiceSessionActor
  connection(): Connection | null
  join(roomId: string): void
  /** Leaves, and resolves when our server was told or could not be; at once when in no call. */
  hangUp(): Promise<void>
  /** The page was loaded again while in a call: back into it, unless another tab is. */
  comeBack(): void
  /** A newer key of our call, by the live socket. */
  rotateKey(callId: string, keyEpoch: number, e2eeKey: string): void
  /** The live socket was away: ask for the key again by joining again (R8). */
  refreshKey(): Promise<void>
  /** The page goes: beacon, then LiveKit (R17). */
  closePage(): void
}
