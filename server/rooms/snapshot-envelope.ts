/**
 * A call's snapshot as it is stored: XState's own carries neither version nor machine, so it lies in
 * an envelope that tells whether it can be taken as it is.
 */
import { createHash } from 'node:crypto'
import {
  defaultTiming,
  emptyCall,
  nobody,
  type CallContext,
  type CallTiming,
} from '../../machines/call.context.ts'
import { callMachine, callMachineVersion } from '../../machines/call.machine.ts'
import { describeMachine, type Chart } from '../../machines/chart.ts'
import { activeCall, type CallSnapshot } from '../../machines/decide.ts'
import type { SnapshotEnvelope } from '../../persistence/store.ts'
import { fromFirstContext } from './earlier-snapshots.ts'

export const callChart: Chart = describeMachine(callMachine)

/** SHA-256 of the chart, hex: the same for the same states, transitions, guard and action names. */
export const callDefinitionHash = createHash('sha256')
  .update(JSON.stringify(callChart))
  .digest('hex')

/** `seq`: the room's last fact that the snapshot has taken in. Snapshots are never changed in place. */
export function toEnvelope(snapshot: CallSnapshot, seq: number): SnapshotEnvelope {
  return {
    machineId: callMachine.id,
    version: callMachineVersion,
    definitionHash: callDefinitionHash,
    seq,
    snapshot: { value: snapshot.value, status: snapshot.status, context: snapshot.context },
  }
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
export function fromEnvelope(envelope: SnapshotEnvelope, timing: CallTiming): CallSnapshot {
  const stored = envelope.snapshot
  if (typeof stored !== 'object' || stored === null || !('value' in stored)) {
    throw new UnreadableSnapshotError('no state')
  }
  if (stored.value === 'ended' || stored.value === 'idle') {
    throw new UnreadableSnapshotError('it is not that of a call that is on')
  }
  const snapshot = activeCall({ ...contextOf(envelope), timing })
  if (snapshot.status === 'error') throw new UnreadableSnapshotError('refused by the machine')
  return snapshot
}

/** Every key that a context had from the first version on. */
const firstKeys = ['callId', 'startedAt', 'connections', 'people', 'tookPart', 'joins'] as const

/**
 * The context in an envelope, of this version or an earlier one. What a later program added to it has
 * its first value. Throws `UnreadableSnapshotError`.
 */
export function contextOf({ machineId, version, snapshot }: SnapshotEnvelope): CallContext {
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
  const missing = firstKeys.find((key) => !(key in context))
  if (missing) throw new UnreadableSnapshotError(`a context without ${missing}`)
  const present = version === 1 ? fromFirstContext(context) : context
  return { ...emptyCall('', defaultTiming), ...present, untold: nobody }
}
