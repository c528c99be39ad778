/** The running actor of a room's call: it takes what was decided and committed, and decides nothing itself. */
import { createActor, type Actor, type Snapshot } from 'xstate'
import type { LogFact } from './room.facts.ts'
import type { CallEffect, CallEvent } from './call.events.ts'
import { callMachine, type CallEmission } from './call.machine.ts'
import type { CallSnapshot } from './decide.ts'

export type CallActor = Actor<typeof callMachine>

/** One committed step of a call: what came in, and what became of it. */
export interface CommittedStep {
  roomId: string
  callId: string
  /** Number of the step. */
  step: number
  event: CallEvent
  before: CallSnapshot
  /** The call after it. */
  snapshot: CallSnapshot
  /** With their numbers in the room's log. */
  facts: readonly LogFact[]
  effects: readonly CallEffect[]
  /** All that the machine gave out, in its order. */
  emitted: readonly CallEmission[]
}

/** What is being sent right now: sending is synchronous. */
let current: CommittedStep | null = null

/**
 * The call machine, but for what was decided already: that it does not work out a second time. A
 * snapshot is taken as it is: it holds no actors that would have to be brought back to life.
 */
const committedLogic = Object.create(callMachine, {
  transition: {
    value: ((snapshot, event, scope) => {
      if (current?.event !== event) return callMachine.transition(snapshot, event, scope)
      for (const emission of current.emitted) scope.emit(emission)
      return current.snapshot
    }) satisfies typeof callMachine.transition,
  },
  restoreSnapshot: { value: (snapshot: Snapshot<unknown>) => snapshot },
}) as typeof callMachine

/** A started actor in this state. `follow` gets each committed step that it takes. */
export function createCallActor(
  snapshot: CallSnapshot,
  follow?: (step: CommittedStep) => void,
): CallActor {
  const { roomId, timing } = snapshot.context
  const actor = createActor(committedLogic, { snapshot, input: { roomId, timing } })
  if (follow) {
    actor.subscribe(() => {
      if (current) follow(current)
    })
  }
  return actor.start()
}

/** Sends the actor a step that is committed. */
export function advanceCallActor(actor: CallActor, step: CommittedStep): void {
  const outer = current
  current = step
  actor.send(step.event)
  current = outer
}
