/** Why each person is shown as they are: the step that last changed each of their connections. */
import { userIdOf } from '../../machines/call.context.ts'
import { goneWhyOf, phaseOf, type Connection } from '../../machines/connection.machine.ts'
import type { CallStore, StepRecord } from '../../persistence/store.ts'
import { toPresentConnection } from '../rooms/earlier-snapshots.ts'
import type { CallEvidence } from '../protocol/wire.ts'

type Evidence = CallEvidence['participants'][number]['connections'][number]

const stepsPerRead = 500

/** Undefined for a call that this database never knew. Oldest connections first. */
export async function readEvidence(
  calls: Pick<CallStore, 'steps' | 'stateOf'>,
  callId: string,
  now: number,
): Promise<CallEvidence | undefined> {
  const state = await calls.stateOf(callId)
  if (!state) return undefined
  const found = new Map<string, Evidence>()
  let roomId = ''
  let last = 0
  for (;;) {
    const steps = await calls.steps(callId, last, stepsPerRead)
    for (const step of steps) {
      roomId = step.roomId
      for (const [identity, connection] of changedConnections(step)) {
        found.set(identity, toEvidence(identity, connection, step, now))
      }
    }
    last = steps.at(-1)?.step ?? last
    if (steps.length < stepsPerRead) break
  }
  const byUser = new Map<string, Evidence[]>()
  for (const one of found.values()) {
    const userId = userIdOf(one.identity) ?? ''
    byUser.set(userId, [...(byUser.get(userId) ?? []), one])
  }
  return {
    callId,
    roomId,
    state,
    steps: last,
    participants: [...byUser].map(([userId, connections]) => ({ userId, connections })),
  }
}

function changedConnections({ detail }: StepRecord): [string, Connection][] {
  const { changed } = detail as { changed?: { connections?: Record<string, Connection> } }
  return Object.entries(changed?.connections ?? {}).map(([identity, connection]) => [
    identity,
    toPresentConnection(connection),
  ])
}

function toEvidence(
  identity: string,
  connection: Connection,
  { step, event, source, at }: StepRecord,
  now: number,
): Evidence {
  return {
    identity,
    state: phaseOf(connection),
    goneWhy: goneWhyOf(connection),
    deadlineAt: connection.deadlineAt,
    participantSid: connection.participantSid,
    step,
    event,
    source,
    at,
    ageMs: Math.max(0, now - at),
  }
}
