/** What the browser's voice session needs, and what it offers to the rest of the client. */
import type { ActorRefFrom } from 'xstate'
import type { Place, VoiceSessionEffect } from '../../../machines/voice-session.events.ts'
import type { voiceSessionMachine } from '../../../machines/voice-session.machine.ts'
import type { OverReason, Standing } from '../../../machines/voice-session.reasons.ts'
import type { Join } from '../../../server/protocol/wire.ts'
import type { AudioLevels } from '../../livekit/audio-levels.ts'
import type { DeviceMemory } from '../../livekit/device-choice.ts'
import type { VoiceConnection, VoiceConnectionEvent } from '../../livekit/voice-connection.types.ts'
import type { CallLock } from './call-lock.ts'

export type VoiceSessionActor = ActorRefFrom<typeof voiceSessionMachine>

/** What was refused, in the machine's words. */
export type JoinResult = { join: Join } | { refused: OverReason }

/** What the page needs of the part that is loaded later. */
export type LivekitPart = Pick<
  typeof import('../../livekit/voice-connection.ts'),
  'openVoiceConnection'
>

/** Why a join was given up, for whoever runs the server (R54). */
export type FailedJoin = NonNullable<Extract<VoiceSessionEffect, { type: 'tell.leave' }>['failed']>

export interface VoiceSessionParts {
  /** Never throws: what goes wrong is a reason. */
  join(roomId: string, connectionId: string): Promise<JoinResult>
  /** Throws when our server could not be told. */
  leave(place: Place, failed?: FailedJoin): Promise<void>
  leaveBeacon(place: Place): void
  /** What our server says of us; the last known answer when it cannot be asked. */
  standing(roomId: string, callId: string): Promise<Standing>
  lock: CallLock
  levels: AudioLevels
  memory: DeviceMemory
  storage: Storage
  now: () => number
  newId: () => string
  /** Loads the part of the client that knows LiveKit. */
  loadLivekit: () => Promise<LivekitPart>
  onNews: (news: CallNews) => void
}

/** What a person should hear of, beside what the machine's state shows. */
export type CallNews =
  | Extract<VoiceConnectionEvent, { type: 'device.gone' | 'device.back' | 'device.failed' }>
  | Extract<VoiceSessionEffect, { type: 'announce' }>

export interface VoiceSession {
  actor: VoiceSessionActor
  join(roomId: string): void
  /** Leaves, and resolves when our server was told or could not be; at once when in no call. */
  hangUp(): Promise<void>
  /** The page was loaded again while in a call: back into it, unless another tab is (F19). */
  comeBack(): void
  /** A newer key of our call, by the live socket. */
  takeKey(callId: string, keyEpoch: number, e2eeKey: string): void
  /** The live socket was away: ask for the key again by joining again (R8). */
  refreshKey(): Promise<void>
  showVideo(trackId: string, element: HTMLVideoElement): () => void
  startSound(): Promise<void>
  useDevice: VoiceConnection['useDevice']
  refreshDevices(): Promise<void>
  /** The page goes: beacon, then LiveKit (R17). */
  closePage(): void
}
