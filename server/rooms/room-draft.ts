/**
 * Decisions of one room that wait for one commit. Pure but for the key that a call's start asks for:
 * a draft is thrown away when its commit fails, so nothing runs ahead of the database.
 */
import type { CommittedStep } from '../../machines/call.actor.ts'
import type { CallTiming } from '../../machines/call.context.ts'
import type { CallEffect, CallEvent } from '../../machines/call.events.ts'
import { decide, idleCall, stageOf, type Decision } from '../../machines/decide.ts'
import type { LogFact, RoomFact } from '../../machines/room.facts.ts'
import type { KeyRow, MemberRecord, NewEffect, RoomCommit } from '../../persistence/store.ts'
import { toCallRow, toStepRecord } from './call-steps.ts'
import type { CommittedRoom } from './room-memory.ts'
import type { RoomDecision, RoomState } from './room-step.ts'
import { noParts } from './snapshot-envelope.ts'

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
  /** The steps that the call took. */
  steps: readonly CommittedStep[]
}

export interface RoomDraft {
  /** The room with everything decided so far. */
  readonly state: RoomState
  /** Throws what the machine throws; then nothing of this decision is in the draft. */
  apply(decision: RoomDecision<unknown>, at: number): Applied
  hasWrites(): boolean
  toCommit(): RoomCommit
  /** The room as it is once the commit is done; what is known beside it is handed on. */
  toCommitted(): CommittedRoom
  /** All steps that the calls took, in order: to be told once they are committed. */
  readonly steps: readonly CommittedStep[]
}

/** Somebody's membership before and after; null: none. */
interface MembershipChange {
  before: MemberRecord | null
  after: MemberRecord | null
}

export function createRoomDraft(base: CommittedRoom, deps: DraftDeps): RoomDraft {
  let room = base.room
  let call = base.call
  const members = new Map<string, MembershipChange>()
  const receipts = new Map<string, { at: number; result: unknown }>()
  const allSteps: CommittedStep[] = []
  const changes = emptyChanges()

  const memberOf = (changed: ReadonlyMap<string, MembershipChange>, userId: string) => {
    const change = changed.get(userId)
    const known = change ? change.after : base.members.get(userId)
    if (known === undefined) throw new Error(`whether ${userId} is a member was not asked for`)
    return known
  }

  const state: RoomState = {
    get room() {
      return room
    },
    members: { has: (userId) => memberOf(members, userId) !== null },
    heir: base.heir,
    get call() {
      return call?.snapshot ?? null
    },
    receipt: (key) => receipts.get(key) ?? base.receipts.get(key) ?? undefined,
  }

  /** One decision on local values, so that a throw leaves the draft as it was. */
  function apply(decision: RoomDecision<unknown>, at: number): Applied {
    const written = emptyChanges()
    const steps: CommittedStep[] = []
    const facts: LogFact[] = []
    const nextMembers = new Map(members)
    let seq = room.seq
    let nextCall = call
    let lastDecision: Decision | null = null
    const number = (list: RoomFact[]) => {
      const numbered = list.map((fact): LogFact => ({ ...fact, seq: ++seq }))
      facts.push(...numbered)
      return numbered
    }
    const changeMember = (userId: string, after: MemberRecord | null) =>
      nextMembers.set(userId, {
        before: nextMembers.get(userId)?.before ?? base.members.get(userId) ?? null,
        after,
      })

    const drive = (event: CallEvent) => {
      const before = nextCall?.snapshot ?? idleCall(room.roomId, deps.timing)
      const decided = decide(before, event)
      lastDecision = decided
      if (!decided.changed) return
      const { snapshot, effects, emitted } = decided
      const numbered = number(decided.facts)
      const step = (nextCall?.step ?? 0) + 1
      const { callId, roomId } = snapshot.context
      written.steps.push(
        toStepRecord({ event, before, after: snapshot, step, at, facts: numbered }),
      )
      steps.push({
        roomId,
        callId,
        step,
        event,
        before,
        snapshot,
        facts: numbered,
        effects,
        emitted,
      })
      for (const effect of effects) {
        if (effect.type === 'key.mint') {
          written.keysMinted.push(deps.mintKey(effect.callId, effect.keyEpoch, at))
        }
        if (effect.type === 'key.shred') written.keysShredded.push({ callId: effect.callId, at })
        const row = deps.toEffect(effect, roomId, at)
        if (row) written.effects.push(row)
      }
      nextCall = { snapshot, step, written: nextCall?.written ?? noParts }
      if (stageOf(snapshot) === 'ended') {
        written.endedCalls.push(toCallRow(nextCall, seq, at))
        nextCall = null
      }
    }

    number((decision.facts ?? []).map((fact) => ({ ...fact, at }) as RoomFact))
    for (const { userId, by } of decision.addMembers ?? []) {
      if (memberOf(nextMembers, userId)) continue
      changeMember(userId, { userId, joinedAt: at })
      number([{ type: 'member.joined', userId, by, at, source: 'membership' }])
    }
    if (decision.callEvent) drive(decision.callEvent(at))
    for (const { userId, by } of decision.removeMembers ?? []) {
      if (!memberOf(nextMembers, userId)) continue
      changeMember(userId, null)
      if (nextCall) drive({ type: 'membership.lost', at, userId, by })
      number([{ type: 'member.left', userId, by, at, source: 'membership' }])
    }
    if (decision.deleteRoom && nextCall) {
      drive({ type: 'room.deleted', at, by: decision.deleteRoom.by })
    }

    const decided = lastDecision as Decision | null
    if (decision.ignoredAs && decided && decided.ignored !== null) {
      const { event, identity, callId } = decision.ignoredAs
      const { roomId } = room
      written.ignored.push({ at, reason: decided.ignored, event, identity, callId, roomId })
    }
    if (decision.receipt) {
      const { key, result = null } = decision.receipt
      written.receipts.push({ key, at, result })
      receipts.set(key, { at, result })
    }
    written.facts.push(...facts)
    const roomChange = {
      ...decision.room,
      ...(decision.deleteRoom ? { deletedAt: at } : {}),
    }

    mergeChanges(changes, written)
    Object.assign(changes.room, roomChange)
    allSteps.push(...steps)
    room = { ...room, ...roomChange, seq, lastAt: facts.length > 0 ? at : room.lastAt }
    for (const [userId, change] of nextMembers) members.set(userId, change)
    call = nextCall
    return { facts, call: decided, steps }
  }

  return {
    state,
    apply,
    steps: allSteps,
    hasWrites: () =>
      Object.values(changes).some((part) =>
        Array.isArray(part) ? part.length > 0 : Object.keys(part).length > 0,
      ),
    toCommit() {
      const { room: roomChange, ...rest } = changes
      return {
        roomId: room.roomId,
        expectedVersion: base.room.version,
        newVersion: base.room.version + 1,
        seq: room.seq,
        lastAt: room.lastAt,
        ...rest,
        ...membershipChanges(members),
        ...(Object.keys(roomChange).length > 0 ? { room: roomChange } : {}),
        ...(call && call !== base.call ? { call: toCallRow(call, room.seq, null) } : {}),
      }
    },
    toCommitted() {
      for (const [userId, { after }] of members) base.members.set(userId, after)
      for (const [key, receipt] of receipts) base.receipts.set(key, receipt)
      return {
        ...base,
        room: { ...room, version: base.room.version + 1 },
        call: call && call !== base.call ? { ...call, written: call.snapshot.context } : call,
      }
    },
  }
}

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

function mergeChanges(into: Changes, written: Changes): void {
  into.facts.push(...written.facts)
  into.steps.push(...written.steps)
  into.endedCalls.push(...written.endedCalls)
  into.keysMinted.push(...written.keysMinted)
  into.keysShredded.push(...written.keysShredded)
  into.receipts.push(...written.receipts)
  into.ignored.push(...written.ignored)
  into.effects.push(...written.effects)
}

/** Who came and who went; somebody who went and came again stands in both, and is removed first. */
function membershipChanges(
  members: ReadonlyMap<string, MembershipChange>,
): Pick<RoomCommit, 'membersAdded' | 'membersRemoved'> {
  const changed = [...members].filter(([, { before, after }]) => before !== after)
  return {
    membersAdded: changed.flatMap(([, { after }]) => after ?? []),
    membersRemoved: changed.flatMap(([userId, { before }]) => (before ? [userId] : [])),
  }
}
