/**
 * A call's snapshot as it is stored: XState's own carries neither version nor machine, so it lies in
 * an envelope that tells whether it can be taken as it is.
 */
import { createHash } from 'node:crypto'
import {
  defaultTiming,
  emptyCall,
  liveConnections,
  nobody,
  type CallContext,
  type CallTiming,
  type Person,
} from '../../machines/call.context.ts'
import { callMachine, callMachineVersion } from '../../machines/call.machine.ts'
import { describeMachine, type Chart } from '../../machines/chart.ts'
import { activeCall, type CallSnapshot } from '../../machines/decide.ts'
import type { Connection } from '../../machines/connection.machine.ts'
import type { ActiveCall, CallPersonRow, SnapshotEnvelope } from '../../persistence/store.ts'
import { toPresentContext } from './earlier-snapshots.ts'

export const callChart: Chart = describeMachine(callMachine)

/** SHA-256 of the chart, hex: the same for the same states, transitions, guard and action names. */
export const callDefinitionHash = createHash('sha256')
  .update(JSON.stringify(callChart))
  .digest('hex')

/**
 * What changes little of a snapshot; connections and people lie in rows of their own, so that an event
 * writes what it changed (R51). `seq`: the room's last fact that the snapshot has taken in.
 */
export function toEnvelope(
  { value, status, context }: CallSnapshot,
  seq: number,
): SnapshotEnvelope {
  const {
    connections: _connections,
    people: _people,
    tookPart: _tookPart,
    untold: _untold,
    timing: _timing,
    ...rest
  } = context
  return {
    machineId: callMachine.id,
    version: callMachineVersion,
    definitionHash: callDefinitionHash,
    seq,
    snapshot: { value, status, context: rest },
  }
}

/** The parts of a context that are written one by one. */
export type CallParts = Pick<CallContext, 'connections' | 'people' | 'tookPart'>

export const noParts: CallParts = { connections: {}, people: {}, tookPart: [] }

/** Whether an envelope holds its parts itself, as earlier versions wrote it: nothing is in rows yet. */
export function holdsItsParts({ snapshot }: SnapshotEnvelope): boolean {
  const context = (snapshot as { context?: unknown } | null)?.context
  return typeof context === 'object' && context !== null && 'connections' in context
}

/** What is to be written of a call's parts, so that its rows become those of `after`. */
export function changedParts(
  before: CallParts,
  after: CallParts,
): { connections: Record<string, Connection | null>; people: CallPersonRow[] } {
  const people = entryChanges(before.people, after.people)
  // The place of who is there already stays as it is.
  const places = new Map(Object.keys(people).map((userId) => [userId, 0]))
  for (let place = before.tookPart.length; place < after.tookPart.length; place++) {
    places.set(after.tookPart[place] ?? '', place)
  }
  return {
    connections: entryChanges(before.connections, after.connections),
    people: [...places].map(([userId, place]) => ({
      userId,
      place,
      person: after.people[userId] ?? null,
    })),
  }
}

/** The new values by key; what is gone is null. */
export function entryChanges<T>(
  before: Readonly<Record<string, T>>,
  after: Readonly<Record<string, T>>,
): Record<string, T | null> {
  const changed: Record<string, T | null> = {}
  if (before === after) return changed
  for (const key in after) if (before[key] !== after[key]) changed[key] = after[key] as T
  for (const key in before) if (!(key in after)) changed[key] = null
  return changed
}

/** Thrown for a snapshot that this program cannot take: of another machine, version or shape. */
export class UnreadableSnapshotError extends Error {
  constructor(what: string) {
    super(`the stored snapshot cannot be read: ${what}`)
    this.name = 'UnreadableSnapshotError'
  }
}

/**
 * The snapshot out of its envelope, with the timing of the present configuration. XState does not
 * throw on a bad snapshot but goes into `error`, so it is checked here. Throws `UnreadableSnapshotError`.
 */
export function fromStored(stored: StoredCall, timing: CallTiming): CallSnapshot {
  const { snapshot } = stored.envelope
  if (typeof snapshot !== 'object' || snapshot === null || !('value' in snapshot)) {
    throw new UnreadableSnapshotError('no state')
  }
  if (snapshot.value === 'ended' || snapshot.value === 'idle') {
    throw new UnreadableSnapshotError('it is not that of a call that is on')
  }
  const context = contextOf(stored)
  if (liveConnections(context).length === 0) throw new UnreadableSnapshotError('nobody is in it')
  const call = activeCall({ ...context, timing })
  if (call.status === 'error') throw new UnreadableSnapshotError('refused by the machine')
  return call
}

/** A call as the database gives it; lists read it without its connections. */
export type StoredCall = Pick<ActiveCall, 'envelope' | 'people'> &
  Partial<Pick<ActiveCall, 'connections'>>

/** Every key that a context had from the first version on, and keeps in its envelope. */
const firstKeys = ['callId', 'startedAt', 'startedBy', 'joins'] as const

/**
 * The context of a stored call, of this version or an earlier one. What a later program added to it has
 * its first value. Throws `UnreadableSnapshotError`.
 */
export function contextOf(stored: StoredCall): CallContext {
  const { machineId, version, snapshot } = stored.envelope
  if (machineId !== callMachine.id) throw new UnreadableSnapshotError('another machine')
  if (version < 1 || version > callMachineVersion) {
    throw new UnreadableSnapshotError(`version ${version}`)
  }
  const context =
    typeof snapshot === 'object' && snapshot !== null && 'context' in snapshot
      ? snapshot.context
      : null
  if (typeof context !== 'object' || context === null) {
    throw new UnreadableSnapshotError('no context')
  }
  const whole = holdsItsParts(stored.envelope)
    ? toPresentContext(version, context)
    : { ...context, ...rowsOf(stored) }
  const missing = [...firstKeys, ...partKeys].find((key) => !(key in whole))
  if (missing) throw new UnreadableSnapshotError(`a context without ${missing}`)
  const read: CallContext = { ...emptyCall('', defaultTiming), ...whole, untold: nobody }
  // Whoever was last would have ended it.
  if (Object.keys(read.people).length === 0) throw new UnreadableSnapshotError('nobody is in it')
  return read
}

const partKeys = Object.keys(noParts) as (keyof CallParts)[]

/** What a call's rows say, whether it can be read or not. */
export function rowsOf({ connections = [], people }: Omit<StoredCall, 'envelope'>): CallParts {
  const inOrder = people.toSorted((a, b) => a.place - b.place)
  return {
    connections: Object.fromEntries(
      connections.map(({ identity, connection }) => [identity, connection as Connection]),
    ),
    people: Object.fromEntries(
      inOrder.flatMap(({ userId, person }) =>
        person === null ? [] : [[userId, person as Person]],
      ),
    ),
    tookPart: inOrder.map(({ userId }) => userId),
  }
}
