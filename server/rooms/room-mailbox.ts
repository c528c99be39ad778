/**
 * The one way to change a room: a mailbox per room that decides, commits, advances, publishes and
 * answers, in this order. Rooms and their actors live in memory only while they are needed.
 */
import type { Logger } from 'pino'
import {
  advanceCallActor,
  createCallActor,
  type CallActor,
  type DecidedEvent,
} from '../../machines/call.actor.ts'
import type { CallContext, CallTiming } from '../../machines/call.context.ts'
import type { CallEffect } from '../../machines/call.events.ts'
import { activeCall, type CallSnapshot } from '../../machines/decide.ts'
import { foldCall } from '../../machines/fold-facts.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import {
  AmbiguousCommitError,
  type CommitOutcome,
  type KeyRow,
  type LoadedRoom,
  type NewEffect,
  type RoomCommit,
  type RoomRecord,
  type RoomStore,
} from '../../persistence/store.ts'
import { AppError } from '../errors.ts'
import type { FanOut } from '../services.ts'
import { createGroupCommit } from './group-commit.ts'
import { createRoomDraft, type Applied, type CommittedRoom, type DraftDeps } from './room-draft.ts'
import type { RoomDecision, RoomState, RoomSteps } from './room-step.ts'
import { fromEnvelope, UnreadableSnapshotError } from './snapshot-envelope.ts'

export interface RoomMailboxDeps {
  store: Pick<RoomStore, 'commit' | 'load' | 'factsAfter'>
  fanOut: FanOut
  timing: CallTiming
  now(): number
  /** Told how late it was when a room changed last, whoever changed it: time goes on from there. */
  storedAt?(at: number): void
  newId(): string
  mintKey(callId: string, keyEpoch: number, at: number): KeyRow
  toEffect(effect: CallEffect, roomId: string, at: number): NewEffect | null
  /** Told after each commit that moved a room's call; `context` is null when it ended. */
  callMoved(moved: CallMoved): void
  /** Told when a commit left something to be done. */
  effectsAdded(): void
  log: Logger
}

export interface CallMoved {
  roomId: string
  callId: string
  context: CallContext | null
  /** Number of the call's last step; left out by who only looked. */
  step?: number
  /** Somebody is to be evicted: such a call is listed more often (R33). */
  evicts: boolean
}

export interface RoomMailbox extends RoomSteps {
  /** How many rooms are in memory, and how many of them have a call's actor. */
  stats(): { rooms: number; actors: number }
  /** Resolves when every mailbox is empty and everything decided is committed or refused. */
  idle(): Promise<void>
}

/** Rooms kept in memory although nobody needs them now. */
const roomsInMemory = 5_000
/** Commands of one room that go into one commit. */
const commandsPerCommit = 64
/** Conflicts in a row before a room's commands are refused; each one means that another process committed. */
const mostConflicts = 50
const receiptsMs = 24 * 3600_000
const factsPerRead = 1_000

interface Command {
  decide(state: RoomState, at: number): RoomDecision<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

interface Box {
  roomId: string
  queue: Command[]
  running: Promise<void> | null
  committed: CommittedRoom | null
  actor: CallActor | null
}

/** What became of a command in a draft; told only when the draft is committed. */
type Outcome =
  | { is: 'decided'; decision: RoomDecision<unknown>; applied: Applied; state: RoomState }
  | { is: 'refused'; error: unknown }

export function createRoomMailbox(deps: RoomMailboxDeps): RoomMailbox {
  const { store, fanOut, now, log } = deps
  const groupCommit = createGroupCommit({ store })
  const boxes = new Map<string, Box>()
  const draftDeps: DraftDeps = deps

  function boxOf(roomId: string): Box {
    const known = boxes.get(roomId)
    if (known) {
      // Moved to the end: the map is in order of use.
      boxes.delete(roomId)
      boxes.set(roomId, known)
      return known
    }
    const box: Box = { roomId, queue: [], running: null, committed: null, actor: null }
    boxes.set(roomId, box)
    return box
  }

  function forgetUnused(): void {
    for (const [roomId, box] of boxes) {
      if (boxes.size <= roomsInMemory) return
      if (box.running || box.queue.length > 0 || box.committed?.call) continue
      boxes.delete(roomId)
    }
  }

  async function load(box: Box): Promise<CommittedRoom | null> {
    drop(box)
    const loaded = await store.load(box.roomId, now() - receiptsMs)
    if (!loaded || loaded.room.deletedAt !== null) return null
    deps.storedAt?.(loaded.room.lastAt)
    box.committed = toCommittedRoom(loaded, await readCall(loaded))
    advanceActor(box, [])
    return box.committed
  }

  /** A snapshot that cannot be read is made anew from the facts (I4), and at last from LiveKit. */
  async function readCall({ room, call }: LoadedRoom): Promise<CallSnapshot | null> {
    if (!call) return null
    try {
      return fromEnvelope(call.envelope, deps.timing)
    } catch (error) {
      if (!(error instanceof UnreadableSnapshotError)) throw error
      log.error({ err: error, callId: call.callId }, 'a call is made anew from its facts')
    }
    const facts = await readLog(room.roomId, room.seq)
    const context = foldCall(room.roomId, facts, deps.timing, now())
    return context?.callId === call.callId ? activeCall(context) : null
  }

  async function readLog(roomId: string, seq: number): Promise<LogFact[]> {
    const facts: LogFact[] = []
    for (let last = 0; last < seq; last = facts.at(-1)?.seq ?? seq) {
      facts.push(...(await store.factsAfter(roomId, last, factsPerRead)))
    }
    return facts
  }

  /** Forgets what memory says: the database is read before the next decision. */
  function drop(box: Box): void {
    box.committed = null
    box.actor?.stop()
    box.actor = null
  }

  async function drain(box: Box): Promise<void> {
    while (box.queue.length > 0) {
      const commands = box.queue.splice(0, commandsPerCommit)
      try {
        await settle(box, commands)
      } catch (error) {
        drop(box)
        log.error({ err: error, roomId: box.roomId }, 'a step of a room failed')
        const refusal = new AppError('unavailable', 'the change could not be stored; try again')
        commands.forEach((command) => command.reject(refusal))
      }
    }
    box.running = null
    if (boxes.size > roomsInMemory) forgetUnused()
  }

  async function settle(box: Box, commands: Command[]): Promise<void> {
    let isFresh = box.committed === null
    let base = box.committed ?? (await load(box))
    for (let conflicts = 0; conflicts < mostConflicts;) {
      if (!base) {
        boxes.delete(box.roomId)
        commands.forEach((c) => c.reject(new AppError('not-found', 'there is no such room')))
        return
      }
      const draft = createRoomDraft(base, draftDeps)
      const outcomes = commands.map((command) => attempt(command, draft))
      // What leads to no commit is not checked against the version: another process may know better.
      const needsFreshRead = outcomes.some((o) => o.is === 'refused' || !isSettled(o))
      if (needsFreshRead && !isFresh) {
        base = await load(box)
        isFresh = true
        continue
      }
      if (!draft.hasWrites()) {
        tell(commands, outcomes)
        return
      }
      const commit = withReceipt(draft.toCommit())
      const outcome = await write(commit)
      if (outcome === 'conflict') {
        conflicts += 1
        base = await load(box)
        isFresh = true
        continue
      }
      const after = draft.toCommitted(now() - receiptsMs)
      box.committed = after
      advanceActor(box, draft.taken)
      publish(base, after, commit)
      tell(commands, outcomes)
      if (after.room.deletedAt !== null) drop(box)
      return
    }
    throw new Error(`room ${box.roomId}: ${mostConflicts} conflicts in a row`)
  }

  function attempt(command: Command, draft: ReturnType<typeof createRoomDraft>): Outcome {
    try {
      const at = Math.max(now(), draft.state.room.lastAt)
      if (draft.state.room.deletedAt !== null) {
        throw new AppError('not-found', 'there is no such room')
      }
      const decision = command.decide(draft.state, at)
      const applied = draft.apply(decision, at)
      // The answer is made of the room as it was right after this decision.
      const state: RoomState = {
        room: draft.state.room,
        members: draft.state.members,
        call: draft.state.call,
        receipt: () => undefined,
      }
      return { is: 'decided', decision, applied, state }
    } catch (error) {
      return { is: 'refused', error }
    }
  }

  /** Every commit leaves a receipt, so that an ambiguous one can be looked up. */
  function withReceipt(commit: RoomCommit): RoomCommit {
    if (commit.receipts.length > 0) return commit
    return { ...commit, receipts: [{ key: `commit:${deps.newId()}`, at: now(), result: null }] }
  }

  /** An ambiguous end is resolved by reading: the receipt tells what was committed (R2). */
  async function write(commit: RoomCommit): Promise<CommitOutcome> {
    try {
      return await groupCommit.submit(commit)
    } catch (error) {
      if (!(error instanceof AmbiguousCommitError)) throw error
      const loaded = await store.load(commit.roomId, now() - receiptsMs)
      const key = commit.receipts[0]?.key
      return loaded?.receipts.some((receipt) => receipt.key === key) ? 'committed' : 'conflict'
    }
  }

  function publish(before: CommittedRoom, after: CommittedRoom, commit: RoomCommit): void {
    const { room } = after
    fanOut.committed(room.roomId, commit.facts, room.version)
    if (commit.room) fanOut.roomChanged(room)
    const { roomId } = room
    for (const { callId } of commit.endedCalls) {
      deps.callMoved({ roomId, callId, context: null, evicts: false })
    }
    if (after.call && after.call !== before.call) {
      const { snapshot, step } = after.call
      const { context } = snapshot
      const evicts = commit.effects.some((effect) => effect.type === 'livekit.evict')
      deps.callMoved({ roomId, callId: context.callId, context, step, evicts })
    }
    if (commit.effects.length > 0) deps.effectsAdded()
  }

  function tell(commands: Command[], outcomes: Outcome[]): void {
    commands.forEach((command, i) => {
      const outcome = outcomes[i]
      if (!outcome || outcome.is === 'refused') {
        command.reject(outcome?.error)
        return
      }
      try {
        const { decision, applied, state } = outcome
        command.resolve(decision.result({ facts: applied.facts, state, call: applied.call }))
      } catch (error) {
        command.reject(error)
      }
    })
  }

  return {
    run<T>(roomId: string, decide: (state: RoomState, at: number) => RoomDecision<T>): Promise<T> {
      const box = boxOf(roomId)
      return new Promise<T>((resolve, reject) => {
        box.queue.push({ decide, resolve: (value) => resolve(value as T), reject })
        box.running ??= Promise.resolve().then(() => drain(box))
      })
    },
    stats() {
      let actors = 0
      for (const box of boxes.values()) if (box.actor) actors += 1
      return { rooms: boxes.size, actors }
    },
    async idle() {
      for (;;) {
        const running = [...boxes.values()].flatMap((box) => (box.running ? [box.running] : []))
        if (running.length === 0) break
        await Promise.all(running)
      }
      await groupCommit.idle()
    },
  }

  /** By the events themselves while the same call goes on, else made from the committed snapshot. */
  function advanceActor(box: Box, taken: readonly DecidedEvent[]): void {
    const snapshot = box.committed?.call?.snapshot
    if (box.actor) {
      advanceCallActor(box.actor, taken)
      const { status, context } = box.actor.getSnapshot()
      if (status === 'active' && context.callId === snapshot?.context.callId) return
      box.actor.stop()
    }
    box.actor = snapshot ? createCallActor(snapshot) : null
  }
}

/** Checked by the commit, or repeated by itself. */
function isSettled(outcome: Extract<Outcome, { is: 'decided' }>): boolean {
  const { decision, applied } = outcome
  return (
    decision.comesAgain === true ||
    applied.taken.length > 0 ||
    applied.facts.length > 0 ||
    decision.receipt !== undefined ||
    decision.room !== undefined ||
    decision.deleteRoom !== undefined ||
    (decision.effects?.length ?? 0) > 0
  )
}

function toCommittedRoom(loaded: LoadedRoom, snapshot: CallSnapshot | null): CommittedRoom {
  const room: RoomRecord = loaded.room
  return {
    room,
    members: new Map(loaded.members.map((member) => [member.userId, member])),
    call: loaded.call && snapshot ? { snapshot, step: loaded.call.step } : null,
    receipts: new Map(
      loaded.receipts
        .toSorted((a, b) => a.at - b.at)
        .map(({ key, at, result }) => [key, { at, result }]),
    ),
  }
}
