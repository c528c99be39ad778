/** What the live socket tells besides the rooms' facts, for those who listen. */

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

function channel<T>() {
  const listeners = new Set<(value: T) => void>()
  return {
    tell: (value: T) => listeners.forEach((listener) => listener(value)),
    /** Gives what stops listening. */
    listen(listener: (value: T) => void): () => void {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

const keys = channel<KeyMessage>()
const endings = channel<CallEndedMessage>()
const reconnects = channel<void>()

export const onKey = keys.listen
export const tellKey = keys.tell
/** A call of one of my rooms ended, and why. */
export const onCallEnded = endings.listen
export const tellCallEnded = endings.tell
/** The socket is welcome again after it was lost. */
export const onReconnected = reconnects.listen
export const tellReconnected = () => reconnects.tell()
