/** One decision of a call: the next snapshot, the facts, and what is to be done. Runs nothing. */
import { getInitialSnapshot, type ExecutableActionObject, type SnapshotFrom } from 'xstate'
import { defaultTiming, isUnsettled, type CallContext, type CallTiming } from './call.context.ts'
import type { CallEffect, CallEvent, IgnoredReason } from './call.events.ts'
import type { CallFact } from './call.facts.ts'
import { callMachine, type CallEmission } from './call.machine.ts'
import { createTransition } from './pure-transition.ts'

export type CallSnapshot = SnapshotFrom<typeof callMachine>

const transition = createTransition(callMachine, { roomId: '', timing: defaultTiming })

export interface Decision {
  snapshot: CallSnapshot
  facts: CallFact[]
  effects: CallEffect[]
  /** Why the event changed nothing, or counted for nothing; null when it counted (R32). */
  ignored: IgnoredReason | null
  /** Whether there is anything to commit: another state, another context, facts or effects. */
  changed: boolean
  /** Facts, effects and `ignored` in their order, for the actor to emit once this is committed. */
  emitted: readonly CallEmission[]
}

/** Thrown when a guard or an action threw: such a snapshot is never committed. */
export class DecisionError extends Error {
  constructor(event: CallEvent, cause: unknown) {
    super(`the call machine failed on ${event.type}`, { cause })
    this.name = 'DecisionError'
  }
}

/** A room's call before anybody joined. */
export function idleCall(roomId: string, timing: CallTiming): CallSnapshot {
  return getInitialSnapshot(callMachine, { roomId, timing })
}

/** A call that is on, with this context: its states follow from it. */
export function activeCall(context: CallContext): CallSnapshot {
  return callMachine.resolveState({
    value: {
      active: {
        people: isUnsettled(context) ? 'unsettled' : 'settled',
        sight: context.unreachableSince === null ? 'confirmed' : 'unconfirmed',
        key: 'current',
      },
    },
    context,
  })
}

/** Where a call is in its life, whatever its regions say. */
export function stageOf({ value }: CallSnapshot): 'idle' | 'active' | 'ended' {
  return typeof value === 'string' ? value : 'active'
}

/**
 * Throws `DecisionError` when the machine itself fails. Events whose type begins with `xstate.` are
 * internals of XState that a stranger could forge: they never get here, and are refused if they do.
 */
export function decide(snapshot: CallSnapshot, event: CallEvent): Decision {
  if (event.type.startsWith('xstate.')) throw new DecisionError(event, 'reserved event type')
  if (isForAnotherCall(snapshot, event)) return setAside(snapshot, 'stale-call')
  let next: CallSnapshot
  let actions: readonly ExecutableActionObject[]
  try {
    ;[next, actions] = transition(snapshot, event)
  } catch (cause) {
    throw new DecisionError(event, cause)
  }
  if (next.status === 'error') throw new DecisionError(event, next.error)

  const facts: CallFact[] = []
  const effects: CallEffect[] = []
  let ignored: IgnoredReason | null = null
  const emitted = emissionsOf(actions)
  for (const emission of emitted) {
    if (emission.type === 'ignored') ignored = emission.reason
    else if (isEffect(emission)) effects.push(emission)
    else facts.push(emission)
  }
  const changed =
    facts.length > 0 || effects.length > 0 || !sameContext(snapshot.context, next.context)
  return {
    snapshot: changed ? next : snapshot,
    facts,
    effects,
    ignored: ignored ?? (changed ? null : 'no-change'),
    changed,
    emitted,
  }
}

/** R15, R25: an event that names a call is for that call alone. */
function isForAnotherCall(snapshot: CallSnapshot, event: CallEvent): boolean {
  if (stageOf(snapshot) !== 'active' || !('callId' in event)) return false
  return event.callId !== snapshot.context.callId
}

function setAside(snapshot: CallSnapshot, reason: IgnoredReason): Decision {
  const emitted = [{ type: 'ignored' as const, reason }]
  return { snapshot, facts: [], effects: [], ignored: reason, changed: false, emitted }
}

/** XState gives emitted events as actions of the type `xstate.emit`, which its own union omits. */
function emissionsOf(actions: readonly ExecutableActionObject[]): CallEmission[] {
  return actions
    .filter((action) => action.type === 'xstate.emit')
    .map((action) => (action.params as { event: CallEmission }).event)
}

function isEffect(emission: CallFact | CallEffect): emission is CallEffect {
  switch (emission.type) {
    case 'key.mint':
    case 'key.shred':
    case 'livekit.evict':
    case 'livekit.close-room':
      return true
    case 'call.started':
    case 'call.confirmed':
    case 'call.unconfirmed':
    case 'call.ended':
    case 'participant.joined':
    case 'participant.connected':
    case 'participant.reconnecting':
    case 'participant.left':
    case 'key.rotated':
      return false
    default:
      return emission satisfies never
  }
}

function sameContext(a: CallContext, b: CallContext): boolean {
  return (Object.keys(b) as (keyof CallContext)[]).every((key) => a[key] === b[key])
}
