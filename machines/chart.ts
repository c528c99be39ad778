/**
 * A machine's chart as plain JSON: states, transitions, guards and actions by name. Its hash tells
 * which definition a step or snapshot was made by, and is stored with it.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate'

export interface ChartTransition {
  /**
   * The event's type; empty for transitions that are always open. What XState itself sends by name:
   * `after(delay)`, `done(actor)`, `error(actor)`, `snapshot(actor)`.
   */
  event: string
  guard: string | null
  targets: string[]
  actions: string[]
}

export interface ChartState {
  key: string
  type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  initial: string | null
  entry: string[]
  exit: string[]
  /** Actors that run as long as the state is: `name`, or `id (name)`. Only where there are any. */
  invokes?: string[]
  /** Names of the delays that the state waits for. Only where there are any. */
  delays?: string[]
  transitions: ChartTransition[]
  states: ChartState[]
}

export interface Chart {
  machineId: string
  root: ChartState
}

export function describeMachine(machine: AnyStateMachine): Chart {
  return { machineId: machine.id, root: describeState(machine.root) }
}

function describeState(node: AnyStateNode): ChartState {
  const transitions = [...node.transitions.values()].flat()
  return {
    key: node.key,
    type: node.type,
    initial: node.initial?.target[0]?.key ?? null,
    entry: node.entry.map(nameOf),
    exit: node.exit.map(nameOf),
    ...(node.invoke.length > 0 && {
      invokes: node.invoke.map(({ id, src }) => (id === src ? id : `${id} (${nameOf(src)})`)),
    }),
    ...(node.after.length > 0 && { delays: node.after.map(({ delay }) => String(delay)) }),
    transitions: [...transitions, ...(node.always ?? [])].map((transition) => ({
      event: nameOfEvent(String(transition.eventType), node.id),
      guard: transition.guard ? nameOf(transition.guard) : null,
      targets: (transition.target ?? []).map((target) => target.id),
      actions: transition.actions.map(nameOf),
    })),
    states: Object.values(node.states).map(describeState),
  }
}

/** `xstate.after.retry.voice-session.returning.waiting` reads `after(retry)`. */
function nameOfEvent(type: string, stateId: string): string {
  const [, kind, name] =
    /^xstate\.(after|done\.actor|error\.actor|snapshot)\.(.+)$/.exec(type) ?? []
  if (kind === undefined || name === undefined) return type
  const isOfState = kind === 'after' && name.endsWith(`.${stateId}`)
  return `${kind.replace('.actor', '')}(${isOfState ? name.slice(0, -stateId.length - 1) : name})`
}

/** `name`, `name(params)`, `and(a, b)`: what is written in the config, never a function's text. */
function nameOf(part: unknown): string {
  if (typeof part === 'string') return part
  if (typeof part === 'function') return nameOfCombination(part)
  if (typeof part === 'object' && part !== null && 'type' in part) {
    const params = 'params' in part && part.params ? `(${JSON.stringify(part.params)})` : ''
    return `${String(part.type)}${params}`
  }
  return 'unnamed'
}

/** XState's `and`, `or`, `not` are functions that carry the guards they combine. */
function nameOfCombination(guard: object): string {
  const combined = 'guards' in guard && Array.isArray(guard.guards) ? guard.guards.map(nameOf) : []
  const kind =
    'check' in guard ? String((guard.check as { name: string }).name) : guard.constructor.name
  return `${kind.replace(/^check/, '').toLowerCase()}(${combined.join(', ')})`
}
