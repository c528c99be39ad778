/** Stores a call's snapshot anew after it could not be read: the mailbox has made it from the facts by then. */
import type { CallContext } from '../../machines/call.context.ts'
import type { RoomSteps } from '../rooms/room-step.ts'

/** Null when that call is not on any more. */
export function rebuildCall(
  steps: RoomSteps,
  roomId: string,
  callId: string,
): Promise<CallContext | null> {
  return steps.run(roomId, {}, () => ({
    callEvent: (at) => ({ type: 'snapshot.rebuilt', at, callId }),
    result: ({ state }) => (state.call?.context.callId === callId ? state.call.context : null),
  }))
}
