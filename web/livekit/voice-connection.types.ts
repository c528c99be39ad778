/**
 * What the rest of the client knows of LiveKit: people and screens as plain values, events out,
 * a few verbs in. Importing this file loads nothing of the SDK.
 */
import type { DeviceTrouble } from '../../machines/voice-session.events.ts'
import type { Captures } from './capture-watch.ts'
import type { Device, DeviceKind } from './device-choice.ts'
import type { EncryptionState } from './encryption-status.ts'
import type { MediaConnection, MediaEvent } from './media-connection.types.ts'

export type Quality = 'good' | 'poor' | 'lost'

/** One person's media, as LiveKit has it. */
export interface PersonMedia {
  userId: string
  isMe: boolean
  /** Published and not muted. */
  microphone: boolean
  /** The track to show, or null: no camera, not there yet, or not to be shown (R44). */
  camera: string | null
  /** The camera is on, its picture is not there yet. */
  cameraStarting: boolean
  quality: Quality
  encryption: EncryptionState
}

export interface SharedScreen {
  trackId: string
  userId: string
  isMine: boolean
}

export interface DeviceList {
  devices: Device[]
  activeId: string | null
}
export type DeviceLists = Record<DeviceKind, DeviceList>

export type VoiceConnectionEvent =
  | { type: 'person.changed'; person: PersonMedia }
  | { type: 'person.left'; userId: string }
  | { type: 'screens.changed'; screens: SharedScreen[] }
  | { type: 'sound.changed'; blocked: boolean }
  | { type: 'devices.changed'; lists: DeviceLists }
  | { type: 'device.gone'; kind: DeviceKind; was: string; now: string }
  | { type: 'device.back'; kind: DeviceKind; label: string }
  /** It did not open; another one is in use instead. */
  | { type: 'device.failed'; kind: DeviceKind; trouble: DeviceTrouble }
  | MediaEvent
  /** What one's own devices give: nothing at all, as far as one can tell. */
  | { type: 'capture.changed'; captures: Captures }

export type ConnectTrouble =
  | 'livekit-unreachable'
  | 'media-blocked'
  /** The page's own policy does not know this media server: it was loaded before there was one. */
  | 'page-outdated'

/** Why LiveKit could not be joined. */
export class ConnectFailure extends Error {
  readonly reason: ConnectTrouble

  constructor(reason: ConnectTrouble, cause: unknown) {
    super(reason, { cause })
    this.name = 'ConnectFailure'
    this.reason = reason
  }
}

export interface VoiceConnection extends MediaConnection {
  /** Shows a track in a video element; gives back how to stop. */
  showVideo(trackId: string, element: HTMLVideoElement): () => void
  /** Must run in a gesture: lifts the browser's block on sound. */
  startSound(): Promise<void>
  useDevice(kind: DeviceKind, deviceId: string): Promise<void>
  refreshDevices(): Promise<void>
}
