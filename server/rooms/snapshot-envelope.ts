/**
 * A call's snapshot as it is stored: XState's own carries neither version nor machine, so it lies in
 * an envelope that tells whether it can be taken as it is.
 */
import { createHash } from 'node:crypto'
import type { CallContext, CallTiming } from '../../machines/call.context.ts'
import { callMachine, callMachineVersion } from '../../machines/call.machine.ts'
import { describeMachine, type Chart } from '../../machines/chart.ts'
import type { CallSnapshot } from '../../machines/decide.ts'
import type { SnapshotEnvelope } from '../../persistence/store.ts'

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
 * throw on a bad snapshot but goes into `error`, so it is checked here.
 */
export function fromEnvelope(envelope: SnapshotEnvelope, timing: CallTiming): CallSnapshot {
  if (envelope.machineId !== callMachine.id) throw new UnreadableSnapshotError('another machine')
  if (envelope.version !== callMachineVersion) {
    throw new UnreadableSnapshotError(`version ${envelope.version}`)
  }
  const stored = envelope.snapshot
  if (typeof stored !== 'object' || stored === null || !('value' in stored)) {
    throw new UnreadableSnapshotError('no state')
  }
  const { value } = stored
  if (value !== 'idle' && value !== 'active' && value !== 'ended') {
    throw new UnreadableSnapshotError('an unknown state')
  }
  const context = contextOf(stored)
  const snapshot = callMachine.resolveState({ value, context: { ...context, timing } })
  if (snapshot.status === 'error') throw new UnreadableSnapshotError('refused by the machine')
  return snapshot
}

/** The context of a stored envelope, for views; the envelope was written by `toEnvelope`. */
export function contextOf(stored: unknown): CallContext {
  const context =
    typeof stored === 'object' && stored !== null && 'context' in stored ? stored.context : null
  if (typeof context !== 'object' || context === null || !('connections' in context)) {
    throw new UnreadableSnapshotError('no context')
  }
  return context as CallContext
}
