/** A connection to LiveKit as a voice session knows it: without anything that is to be seen or heard. */
import type { VoiceSessionEvent } from '../../machines/voice-session.events.ts'

/** What it tells the session's machine. */
export type MediaEvent = Extract<
  VoiceSessionEvent,
  { type: `livekit.${string}` | `${string}.changed` | `${string}.failed` }
>

/** What a join gave: secrets that live here and nowhere else in the client. */
export interface CallCredentials {
  token: string
  e2eeKey: string
  keyEpoch: number
}

export interface MediaConnection {
  /** Resolves when media is up; throws `ConnectFailure`. */
  connect(credentials: CallCredentials): Promise<void>
  setMicrophone(enabled: boolean): Promise<void>
  setCamera(enabled: boolean): Promise<void>
  setScreen(enabled: boolean): Promise<void>
  /** A newer key of the same call; an older or equal epoch is ignored (R45). */
  rotateKey(e2eeKey: string, keyEpoch: number): Promise<void>
  /** Stops microphone, camera and screen at once, before anybody is told (R16). */
  silence(): void
  /** Leaves LiveKit and ends the worker. */
  close(): Promise<void>
}
