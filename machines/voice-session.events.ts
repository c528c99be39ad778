/** What a browser's own session in a call is told, and what it asks to be done. */
import type { DisconnectName, OverReason, Standing } from './voice-session.reasons.ts'

/** Why a microphone, camera or screen could not be opened. */
export type DeviceTrouble = 'denied' | 'missing' | 'busy' | 'failed'

/**
 * Why what is published changed: `asked` answers what was asked for; `device`, a device, the system or
 * LiveKit turned it off while the connection stood; `loss`, this is what a repaired connection carries.
 */
export type ChangeCause = 'asked' | 'device' | 'loss'

export interface Wishes {
  microphone: boolean
  camera: boolean
}

/** `attempt` ties an answer to its question: a late one of an earlier attempt changes nothing. */
export type VoiceSessionEvent =
  // By the person
  | {
      type: 'join.requested'
      roomId: string
      connectionId: string
      wishes: Wishes
      /** A page that comes back names its call: it never starts another one. */
      expectedCallId: string | null
      at: number
    }
  | { type: 'leave.requested' }
  | { type: 'dismissed' }
  | { type: 'microphone.wanted'; enabled: boolean }
  | { type: 'camera.wanted'; enabled: boolean }
  | { type: 'screen.wanted'; enabled: boolean }
  // Answers to what the session asked for
  | { type: 'check.passed'; attempt: number }
  /** Nothing to return to: the call is over, or another tab of this browser is in it. */
  | { type: 'check.failed'; attempt: number; why: 'cannot-encrypt' | 'nothing-to-return-to' }
  /** May come long after it was given up, or taken for lost: then it is left on the server. */
  | {
      type: 'join.answered'
      attempt: number
      roomId: string
      callId: string
      connectionId: string
    }
  | { type: 'join.refused'; attempt: number; reason: OverReason }
  | { type: 'left' }
  | { type: 'retry.due'; at: number }
  // By LiveKit
  | { type: 'livekit.connected'; attempt: number }
  | { type: 'livekit.failed'; attempt: number; reason: 'livekit-unreachable' | 'media-blocked' }
  | { type: 'livekit.reconnecting'; attempt: number }
  | { type: 'livekit.reconnected'; attempt: number }
  | {
      type: 'livekit.disconnected'
      attempt: number
      reason: DisconnectName
      standing: Standing
      at: number
    }
  | { type: 'microphone.changed'; published: boolean; cause: ChangeCause }
  | { type: 'microphone.failed'; trouble: DeviceTrouble }
  | { type: 'camera.changed'; published: boolean; cause: ChangeCause }
  | { type: 'camera.failed'; trouble: DeviceTrouble }
  | { type: 'screen.changed'; published: boolean; cause: ChangeCause }
  | { type: 'screen.failed'; trouble: DeviceTrouble }
  // By our server
  | { type: 'call.over'; callId: string; reason: 'call-ended' | 'calls-off' }
  | { type: 'room.gone'; roomId: string }
  // By the page
  | { type: 'page.resumed'; at: number }
  | { type: 'network.online'; at: number }

/** Where the session is: enough for a leave, nothing secret. */
export interface Place {
  roomId: string
  callId: string
  connectionId: string
}

/** Emitted by the machine; the driver does it and answers by events. */
export type VoiceSessionEffect =
  | { type: 'check'; attempt: number; roomId: string; expectedCallId: string | null }
  | {
      type: 'ask'
      attempt: number
      roomId: string
      connectionId: string
      expectedCallId: string | null
    }
  | { type: 'connect'; attempt: number }
  | { type: 'wait'; delayMs: number }
  | { type: 'set.microphone'; enabled: boolean }
  | { type: 'set.camera'; enabled: boolean }
  | { type: 'set.screen'; enabled: boolean }
  /** R16: stop microphone and camera, tell our server, leave LiveKit; then say `left`. */
  | { type: 'hang.up'; place: Place }
  /** Tell our server only: LiveKit was never reached, or has let go. */
  /** `failed`: the join was given up because of that; the operator should know. */
  | { type: 'tell.leave'; place: Place; failed?: 'livekit-unreachable' | 'media-blocked' }
  /** Nothing is left of the session: the lock, the kept place, the LiveKit connection go. */
  | { type: 'release' }
  | { type: 'announce'; what: 'lost' | 'back' | 'back-without-screen' | 'screen-lost' }
