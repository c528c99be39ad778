/**
 * Decisions of one room that wait for one commit. Pure but for the key that a call's start asks for:
 * a draft is thrown away when its commit fails, so nothing runs ahead of the database.
 */
import { callDefinitionHash, toEnvelope } from './snapshot-envelope.ts'
import type { RoomDecision, RoomState } from './room-step.ts'
import { nextDeadlineAt, nextListingAt, type CallTiming } from '../../machines/call.context.ts'
import type { DecidedEvent } from '../../machines/call.actor.ts'
import { sourceOf, type CallEffect, type CallEvent } from '../../machines/call.events.ts'
import {
  decide,
  idleCall,
  stageOf,
  type CallSnapshot,
  type Decision,
} from '../../machines/decide.ts'
import type { LogFact, RoomFact } from '../../machines/room.facts.ts'
import type {
  KeyRow,
  MemberRecord,
  NewEffect,
  RoomCommit,
  RoomRecord,
} from '../../persistence/store.ts'

/** What came of a request that was committed already; oldest first. */
export type Receipts = Map<string, { at: number; result: unknown }>

/** A room as it is in the database, at one version. Never changed in place, but for its receipts. */
export interface CommittedRoom {
  room: RoomRecord
  members: ReadonlyMap<string, MemberRecord>
  call: { snapshot: CallSnapshot; step: number } | null
  /** Handed on from version to version, because there are many. */
  receipts: Receipts
}

export interface DraftDeps {
  timing: CallTiming
  /** Makes and seals a fresh key (R41). */
  mintKey(callId: string, keyEpoch: number, at: number): KeyRow
  /** The row of something to be done after the commit. */
  toEffect(effect: CallEffect, roomId: string, at: number): NewEffect | null
}

/** What one decision became: its facts with numbers, for its answer. */
export interface Applied {
  facts: LogFact[]
  call: Decision | null
  /** The events that the call took, for the actor. */
  taken: readonly DecidedEvent[]
}

export interface RoomDraft {
  /** The room with everything decided so far. */
  readonly state: RoomState
  /** Throws what the machine throws; then nothing of this decision is in the draft. */
  apply(decision: RoomDecision<unknown>, at: number): Applied
  hasWrites(): boolean
  toCommit(): RoomCommit
  /** The room as it is once the commit is done; its receipts are the base’s map, without those before that time. */
  toCommitted(receiptsSince: number): CommittedRoom
  /** All events that the calls took, in order. */
  readonly taken: readonly DecidedEvent[]
}

export function createRoomDraft(base: CommittedRoom, deps: DraftDeps): RoomDraft {
  let room = base.room
  let members = base.members
  let call = base.call
  const receipts: Receipts = new Map()
  const allTaken: DecidedEvent[] = []
  const changes = emptyChanges()

  const state: RoomState = {
    get room() {
      return room
    },
    get members() {
      return members
    },
    get call() {
      return call?.snapshot ?? null
    },
    receipt: (key) => receipts.get(key) ?? base.receipts.get(key),
  }

  /** One decision on local values, so that a throw leaves the draft as it was. */
  function apply(decision: RoomDecision<unknown>, at: number): Applied {
    const step = emptyChanges()
    const taken: DecidedEvent[] = []
    const facts: LogFact[] = []
    let seq = room.seq
    let nextCall = call
    let lastDecision: Decision | null = null
    const number = (list: RoomFact[]) => {
      const numbered = list.map((fact): LogFact => ({ ...fact, seq: ++seq }))
      facts.push(...numbered)
      return numbered
    }

    const drive = (event: CallEvent) => {
      const from = nextCall?.snapshot ?? idleCall(room.roomId, deps.timing)
      const decided = decide(from, event)
      lastDecision = decided
      if (!decided.changed) return
      taken.push({ event, decision: decided })
      const { context } = decided.snapshot
      const numbered = number(decided.facts)
      const stepNumber = (nextCall?.step ?? 0) + 1
      // An unknown identity may show up in a room whose call never began: nothing to keep a step of.
      if (context.callId !== '') {
        step.steps.push({
          callId: context.callId,
          step: stepNumber,
          roomId: room.roomId,
          event: event.type,
          source: sourceOf(event),
          at,
          state: toText(decided.snapshot.value),
          detail: { event, changed: contextChanges(from.context, context) },
          definitionHash: callDefinitionHash,
          firstSeq: numbered[0]?.seq ?? null,
          lastSeq: numbered.at(-1)?.seq ?? null,
        })
      }
      for (const effect of decided.effects) {
        if (effect.type === 'key.mint') {
          step.keysMinted.push(deps.mintKey(effect.callId, effect.keyEpoch, at))
        }
        if (effect.type === 'key.shred') step.keysShredded.push({ callId: effect.callId, at })
        const row = deps.toEffect(effect, room.roomId, at)
        if (row) step.effects.push(row)
      }
      nextCall = { snapshot: decided.snapshot, step: stepNumber }
      if (stageOf(decided.snapshot) === 'ended') {
        step.endedCalls.push(toCallRow(nextCall, seq, at))
        nextCall = null
      }
    }

    const changesMembers = decision.addMembers || decision.removeMembers
    const nextMembers = changesMembers ? new Map(members) : null
    number((decision.facts ?? []).map((fact) => ({ ...fact, at }) as RoomFact))
    for (const { userId, by } of decision.addMembers ?? []) {
      if (!nextMembers || nextMembers.has(userId)) continue
      nextMembers.set(userId, { userId, joinedAt: at })
      number([{ type: 'member.joined', userId, by, at, source: 'membership' }])
    }
    if (decision.callEvent) drive(decision.callEvent(at))
    for (const { userId, by } of decision.removeMembers ?? []) {
      if (!nextMembers?.delete(userId)) continue
      if (nextCall) drive({ type: 'membership.lost', at, userId, by })
      number([{ type: 'member.left', userId, by, at, source: 'membership' }])
    }
    if (decision.deleteRoom && nextCall) {
      drive({ type: 'room.deleted', at, by: decision.deleteRoom.by })
    }

    const decided = lastDecision as Decision | null
    if (decision.ignoredAs && decided && decided.ignored !== null) {
      const { event, identity, callId } = decision.ignoredAs
      step.ignored.push({
        at,
        reason: decided.ignored,
        event,
        identity,
        callId,
        roomId: room.roomId,
      })
    }
    if (decision.receipt) {
      const { key, result = null } = decision.receipt
      step.receipts.push({ key, at, result })
      receipts.set(key, { at, result })
    }
    step.effects.push(...(decision.effects ?? []))

    mergeChanges(changes, step)
    changes.facts.push(...facts)
    allTaken.push(...taken)
    changes.room = {
      ...changes.room,
      ...decision.room,
      ...(decision.deleteRoom ? { deletedAt: at } : {}),
    }
    room = {
      ...room,
      ...decision.room,
      ...(decision.deleteRoom ? { deletedAt: at } : {}),
      seq,
      lastAt: facts.length > 0 ? at : room.lastAt,
    }
    if (nextMembers) members = nextMembers
    call = nextCall
    return { facts, call: decided, taken }
  }

  const hasWrites = () =>
    allTaken.length > 0 ||
    changes.facts.length > 0 ||
    changes.receipts.length > 0 ||
    changes.effects.length > 0 ||
    changes.ignored.length > 0 ||
    Object.keys(changes.room).length > 0

  return {
    state,
    apply,
    hasWrites,
    taken: allTaken,
    toCommit() {
      const { room: roomChange, ...rest } = changes
      return {
        roomId: room.roomId,
        expectedVersion: base.room.version,
        newVersion: base.room.version + 1,
        seq: room.seq,
        lastAt: room.lastAt,
        ...rest,
        ...membershipChanges(base.members, members),
        ...(Object.keys(roomChange).length > 0 ? { room: roomChange } : {}),
        ...(call && call !== base.call ? { call: toCallRow(call, room.seq, null) } : {}),
      }
    },
    toCommitted(receiptsSince) {
      return {
        room: { ...room, version: base.room.version + 1 },
        members,
        call,
        receipts: handOn(base.receipts, receipts, receiptsSince),
      }
    },
  }
}

/** As the step's row holds it: a state's name, or the states of its regions as JSON. */
const toText = (value: CallSnapshot['value']): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

type Changes = Pick<
  RoomCommit,
  | 'facts'
  | 'steps'
  | 'endedCalls'
  | 'keysMinted'
  | 'keysShredded'
  | 'receipts'
  | 'ignored'
  | 'effects'
> & { room: NonNullable<RoomCommit['room']> }

function emptyChanges(): Changes {
  return {
    facts: [],
    steps: [],
    endedCalls: [],
    keysMinted: [],
    keysShredded: [],
    receipts: [],
    ignored: [],
    effects: [],
    room: {},
  }
}

function mergeChanges(into: Changes, step: Changes): void {
  into.steps.push(...step.steps)
  into.endedCalls.push(...step.endedCalls)
  into.keysMinted.push(...step.keysMinted)
  into.keysShredded.push(...step.keysShredded)
  into.receipts.push(...step.receipts)
  into.ignored.push(...step.ignored)
  into.effects.push(...step.effects)
}

/** The same map with what is new, without what is too old to be asked for. */
function handOn(kept: Receipts, added: Receipts, since: number): Receipts {
  for (const [key, receipt] of added) kept.set(key, receipt)
  for (const [key, { at }] of kept) {
    if (at >= since) break
    kept.delete(key)
  }
  return kept
}

/** Who came and who went; somebody who went and came again stands in both, and is removed first. */
function membershipChanges(
  before: CommittedRoom['members'],
  after: CommittedRoom['members'],
): Pick<RoomCommit, 'membersAdded' | 'membersRemoved'> {
  if (before === after) return { membersAdded: [], membersRemoved: [] }
  return {
    membersAdded: [...after.values()].filter((member) => before.get(member.userId) !== member),
    membersRemoved: [...before.values()]
      .filter((member) => after.get(member.userId) !== member)
      .map((member) => member.userId),
  }
}

/** The call's row. `dueAt` is when somebody has to look at it: for a deadline, or by a listing. */
function toCallRow(
  call: { snapshot: CallSnapshot; step: number },
  seq: number,
  endedAt: number | null,
): NonNullable<RoomCommit['call']> {
  const { context } = call.snapshot
  const due = [nextDeadlineAt(context), nextListingAt(context)].filter((at) => at !== null)
  return {
    callId: context.callId,
    step: call.step,
    envelope: toEnvelope(call.snapshot, seq),
    startedAt: context.startedAt,
    startedBy: context.startedBy,
    endedAt,
    endReason: context.endReason,
    dueAt: endedAt === null && due.length > 0 ? Math.min(...due) : null,
  }
}

/** What a step changed in the context: the new values by key, connections and people one by one. */
function contextChanges(
  before: CallSnapshot['context'],
  after: CallSnapshot['context'],
): Record<string, unknown> {
  const changed: Record<string, unknown> = {}
  for (const key of Object.keys(after) as (keyof typeof after)[]) {
    if (before[key] !== after[key]) changed[key] = after[key]
  }
  if ('connections' in changed) {
    changed['connections'] = entryChanges(before.connections, after.connections)
  }
  if ('people' in changed) changed['people'] = entryChanges(before.people, after.people)
  return changed
}

/** What is gone is null. */
function entryChanges<T>(
  before: Readonly<Record<string, T>>,
  after: Readonly<Record<string, T>>,
): Record<string, T | null> {
  const changed: Record<string, T | null> = {}
  for (const key in after) if (before[key] !== after[key]) changed[key] = after[key] as T
  for (const key in before) if (!(key in after)) changed[key] = null
  return changed
}
