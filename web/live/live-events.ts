/** What the live socket tells besides the rooms' facts, for those who listen. */
import { createEventHook } from '@vueuse/core'

export interface KeyMessage {
  roomId: string
  callId: string
  keyEpoch: number
  e2eeKey: string
}

export interface CallEndedMessage {
  callId: string
  reason: string
}

export const keyChanged = createEventHook<KeyMessage>()
/** A call of one of my rooms ended, and why. */
export const callEnded = createEventHook<CallEndedMessage>()
/** The socket is welcome again after it was lost. */
export const reconnected = createEventHook()
