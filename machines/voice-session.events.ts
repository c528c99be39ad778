/** What a browser's own session in a call is told, and what it asks to be done. */
import type { DoneActorEvent, ErrorActorEvent } from 'xstate'
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

/** An expected outcome is a value; what the promises throw is that nobody answered. */
export type Checked = 'may-join' | 'cannot-encrypt' | 'nothing-to-return-to'
export type JoinOutcome = { callId: string; connectionId: string } | { refused: OverReason }

export type VoiceSessionEvent =
  // By the person
  | {
      type: 'join.requested'
      roomId: string
      connectionId: string
      wishes: Wishes
      /** A page that comes back names its call: it never starts another one. */
      expectedCallId: string | null
    }
  | { type: 'leave.requested' }
  | { type: 'dismissed' }
  | { type: 'microphone.wanted'; enabled: boolean }
  | { type: 'camera.wanted'; enabled: boolean }
  | { type: 'screen.wanted'; enabled: boolean }
  // By LiveKit
  | { type: 'livekit.reconnecting' }
  | { type: 'livekit.reconnected' }
  | { type: 'livekit.disconnected'; reason: DisconnectName }
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
  | { type: 'page.resumed' }
  | { type: 'network.online' }

/** What XState says of the promises that the session invoked; one that was left is never heard of. */
export type VoiceSessionAnswer =
  | DoneActorEvent<Checked, 'check'>
  | DoneActorEvent<JoinOutcome, 'join'>
  | DoneActorEvent<Standing, 'standing'>
  | ErrorActorEvent<unknown, 'connect'>

/** Where the session is: enough for a leave, nothing secret. */
export interface Place {
  roomId: string
  callId: string
  connectionId: string
}

/** Emitted by the machine; the driver does it. */
export type VoiceSessionEffect =
  | { type: 'set.screen'; enabled: boolean }
  /**
   * Tell our server only: LiveKit was never reached, or has let go. `failed`: the join was given up
   * because of that; the operator should know.
   */
  | { type: 'tell.leave'; place: Place; failed?: 'livekit-unreachable' | 'media-blocked' }
  /** Nothing is left of the session: the lock, the kept place, the LiveKit connection go. */
  | { type: 'release' }
  | { type: 'announce'; what: 'lost' | 'back' | 'back-without-screen' | 'screen-lost' }
