/** What the database keeps of a decision of a call: its step, and the call's row as it is after it. */
import { nextDeadlineAt, nextListingAt, type CallContext } from '../../machines/call.context.ts'
import { sourceOf, type CallEvent } from '../../machines/call.events.ts'
import type { CallSnapshot } from '../../machines/decide.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import type { RoomCommit, StepRecord } from '../../persistence/store.ts'
import {
  callDefinitionHash,
  changedParts,
  entryChanges,
  toEnvelope,
  type CallParts,
} from './snapshot-envelope.ts'

/** A call at one step. */
export interface CallAtStep {
  snapshot: CallSnapshot
  /** Number of its last step. */
  step: number
  /** Its connections and people as their rows have them. */
  written: CallParts
}

export type CallRow = NonNullable<RoomCommit['call']>

export function toStepRecord({
  event,
  before,
  after,
  step,
  at,
  facts,
}: {
  event: CallEvent
  before: CallSnapshot
  after: CallSnapshot
  step: number
  at: number
  facts: readonly LogFact[]
}): StepRecord {
  const { callId, roomId } = after.context
  return {
    callId,
    step,
    roomId,
    event: event.type,
    source: sourceOf(event),
    at,
    state: toText(after.value),
    detail: { event, changed: contextChanges(before.context, after.context) },
    definitionHash: callDefinitionHash,
    firstSeq: facts[0]?.seq ?? null,
    lastSeq: facts.at(-1)?.seq ?? null,
  }
}

/** As the step's row holds it: a state's name, or the states of its regions as JSON. */
const toText = (value: CallSnapshot['value']): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

/** The call's row. `dueAt` is when somebody has to look at it: for a deadline, or by a listing. */
export function toCallRow(
  { snapshot, step, written }: CallAtStep,
  seq: number,
  endedAt: number | null,
): CallRow {
  const { context } = snapshot
  const due = [nextDeadlineAt(context), nextListingAt(context)].filter((at) => at !== null)
  return {
    callId: context.callId,
    step,
    envelope: toEnvelope(snapshot, seq),
    startedAt: context.startedAt,
    startedBy: context.startedBy,
    endedAt,
    endReason: context.endReason,
    dueAt: endedAt === null && due.length > 0 ? Math.min(...due) : null,
    ...(endedAt === null ? changedParts(written, context) : { connections: {}, people: [] }),
  }
}

/** What a step changed in the context: the new values by key; connections and people one by one. */
function contextChanges(
  before: CallSnapshot['context'],
  after: CallSnapshot['context'],
): Record<string, unknown> {
  const changed: Record<string, unknown> = {}
  for (const key of Object.keys(after) as (keyof typeof after)[]) {
    if (before[key] === after[key] || key === 'untold') continue
    if (key === 'connections') changed[key] = entryChanges(before.connections, after.connections)
    else if (key === 'people') changed[key] = entryChanges(before.people, after.people)
    else if (key === 'tookPart') changed[key] = after.tookPart.slice(before.tookPart.length)
    else changed[key] = after[key]
  }
  return changed
}

/** The context after a step, from the one before it and what the step changed. */
export function afterStep(
  before: CallContext,
  { detail }: Pick<StepRecord, 'detail'>,
): CallContext {
  const { changed } = detail as { changed: Partial<CallContext> }
  return {
    ...before,
    ...changed,
    connections: withEntries(before.connections, changed.connections),
    people: withEntries(before.people, changed.people),
    tookPart: [...before.tookPart, ...(changed.tookPart ?? [])],
  }
}

function withEntries<T>(
  before: Record<string, T>,
  changed: Record<string, T | null> = {},
): Record<string, T> {
  const after = { ...before }
  for (const [key, value] of Object.entries(changed)) {
    if (value === null) delete after[key]
    else after[key] = value
  }
  return after
}
