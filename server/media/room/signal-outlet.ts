/** The way to one client's signalling socket, which comes and goes while the participant stays. */
import { SignalResponse } from '@livekit/protocol'
import type { SignalPeer } from '../link/signal.ts'

export type SignalMessage = Exclude<SignalResponse['message'], { case: undefined }>

export interface SignalOutlet {
  readonly isOpen: boolean
  /** False when nobody is there to hear it. */
  send(message: SignalMessage): boolean
  /** Another socket takes over; the one before is closed. */
  swap(peer: SignalPeer): void
  /** Whether this is still the socket in use. */
  isCurrent(peer: SignalPeer): boolean
  /** The socket is gone, or it is nobody's just now. */
  lose(): void
  close(code: number, reason: string): void
}

export const closeCode = { normal: 1000, goingAway: 1001, badData: 1007 }

export function createSignalOutlet(
  first: SignalPeer,
  onError: (error: unknown) => void,
): SignalOutlet {
  let peer: SignalPeer | null = first

  function close(code: number, reason: string): void {
    const closing = peer
    peer = null
    closing?.close(code, reason)
  }

  return {
    get isOpen() {
      return peer !== null
    },
    send(message) {
      if (!peer) return false
      try {
        peer.send(new SignalResponse({ message }).toBinary())
        return true
      } catch (error) {
        onError(error)
        return false
      }
    },
    swap(next) {
      close(closeCode.normal, 'another connection took over')
      peer = next
    },
    isCurrent: (candidate) => candidate === peer,
    lose() {
      peer = null
    },
    close,
  }
}

/** For a socket that never becomes a participant's. */
export function sendOnce(peer: SignalPeer, message: SignalMessage): void {
  peer.send(new SignalResponse({ message }).toBinary())
}
