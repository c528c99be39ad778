/** The running actor of a room's call: it takes what was decided and committed, and decides nothing itself. */
import { createActor, type Actor } from 'xstate'
import type { CallEvent } from './call.events.ts'
import { callMachine } from './call.machine.ts'
import type { CallSnapshot, Decision } from './decide.ts'

export type CallActor = Actor<typeof callMachine>

/** An event together with what was decided on it. */
export interface DecidedEvent {
  event: CallEvent
  decision: Decision
}

/** What is being sent right now: sending is synchronous. */
let current: DecidedEvent | null = null

/** The call machine, but for events that were decided already: those it does not work out a second time. */
const committedLogic = Object.create(callMachine, {
  transition: {
    value: ((snapshot, event, scope) => {
      if (current?.event !== event) return callMachine.transition(snapshot, event, scope)
      for (const emission of current.decision.emitted) scope.emit(emission)
      return current.decision.snapshot
    }) satisfies typeof callMachine.transition,
  },
}) as typeof callMachine

/** A started actor in this state. */
export function createCallActor(snapshot: CallSnapshot): CallActor {
  const { roomId, timing } = snapshot.context
  const actor = createActor(committedLogic, {
    // A copy, because restoring changes the object that it is given.
    snapshot: structuredClone(callMachine.getPersistedSnapshot(snapshot)),
    input: { roomId, timing },
  })
  return actor.start()
}

/** Sends the actor events that are committed, in order, until its call ends. */
export function advanceCallActor(actor: CallActor, taken: readonly DecidedEvent[]): void {
  for (const decided of taken) {
    if (actor.getSnapshot().status !== 'active') return
    const outer = current
    current = decided
    actor.send(decided.event)
    current = outer
  }
}
