/**
 * The one way to change a room: a mailbox per room that decides, commits, advances, publishes and
 * answers, in this order. Rooms are in memory only while something happens to them.
 */
import type { Logger } from 'pino'
import { activeCall } from '../../machines/decide.ts'
import { foldCall } from '../../machines/fold-facts.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import {
  AmbiguousCommitError,
  receiptLifeMs,
  type ActiveCall,
  type CommitOutcome,
  type LoadedRoom,
  type RoomCommit,
  type RoomNeeds,
  type RoomRecord,
  type RoomStore,
} from '../../persistence/store.ts'
import { AppError } from '../errors.ts'
import type { FanOut } from '../realtime/fan-out.ts'
import type { CallActors } from './call-actors.ts'
import type { CallAtStep } from './call-steps.ts'
import { createGroupCommit } from './group-commit.ts'
import { createRoomDraft, type Applied, type DraftDeps, type RoomDraft } from './room-draft.ts'
import { PartialMap, knowsAll, trimMemory, type CommittedRoom } from './room-memory.ts'
import type { RoomDecision, RoomState, RoomSteps } from './room-step.ts'
import {
  fromStored,
  holdsItsParts,
  noParts,
  rowsOf,
  UnreadableSnapshotError,
} from './snapshot-envelope.ts'

export interface RoomMailboxDeps extends DraftDeps {
  store: Pick<RoomStore, 'commit' | 'load' | 'factsAfter'>
  fanOut: FanOut
  /** Take each step once it is committed, and tell those who follow. */
  actors: CallActors
  now(): number
  /** Told how late it was when a room changed last, whoever changed it: time goes on from there. */
  storedAt?(at: number): void
  newId(): string
  log: Logger
}

export interface RoomMailbox extends RoomSteps {
  /** How many rooms are in memory. */
  count(): number
  /** Lets go of rooms that nothing happened to for so long. */
  forgetQuiet(forMs: number): void
  /** Resolves when every mailbox is empty and everything decided is committed or refused. */
  idle(): Promise<void>
}

/** Rooms kept in memory although nothing happens to them now. */
const roomsInMemory = 5_000
/** Commands of one room that go into one commit. */
const commandsPerCommit = 64
/** Conflicts in a row before a room's commands are refused; each one means that another process committed. */
const maxConflicts = 50
const factsPerRead = 1_000

interface Command {
  needs: RoomNeeds
  decide(state: RoomState, at: number): RoomDecision<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

interface Mailbox {
  roomId: string
  queue: Command[]
  running: Promise<void> | null
  committed: CommittedRoom | null
  usedAt: number
}

/** What became of a command in a draft; told only when the draft is committed. */
type Outcome =
  | { is: 'decided'; decision: RoomDecision<unknown>; applied: Applied; state: RoomState }
  | { is: 'refused'; error: unknown }

export function createRoomMailbox(deps: RoomMailboxDeps): RoomMailbox {
  const { store, fanOut, actors, now, log } = deps
  const groupCommit = createGroupCommit({ store })
  const mailboxes = new Map<string, Mailbox>()

  function mailboxOf(roomId: string): Mailbox {
    const known = mailboxes.get(roomId)
    const mailbox = known ?? { roomId, queue: [], running: null, committed: null, usedAt: 0 }
    mailbox.usedAt = now()
    // Moved to the end: the map is in order of use.
    if (known) mailboxes.delete(roomId)
    mailboxes.set(roomId, mailbox)
    return mailbox
  }

  function forgetWhile(isWanted: (mailbox: Mailbox) => boolean): void {
    for (const [roomId, mailbox] of mailboxes) {
      if (!isWanted(mailbox)) return
      if (mailbox.running || mailbox.queue.length > 0) continue
      forget(mailbox)
      mailboxes.delete(roomId)
    }
  }

  /** What memory does not know, or may know wrongly, read from the database; the rest stays. */
  async function read(mailbox: Mailbox, needs: RoomNeeds): Promise<CommittedRoom | null> {
    const before = mailbox.committed
    const loaded = await store.load(
      mailbox.roomId,
      { ...needs, receiptsSince: now() - receiptLifeMs },
      before?.room.version,
    )
    if (!loaded || loaded.room.deletedAt !== null) {
      forget(mailbox)
      return null
    }
    deps.storedAt?.(loaded.room.lastAt)
    if (!before || !loaded.isAsKnown) {
      forget(mailbox)
      mailbox.committed = await toCommittedRoom(loaded)
    }
    if (!mailbox.committed) return null
    const { members, receipts } = mailbox.committed
    const there = new Map(loaded.members.map((member) => [member.userId, member]))
    for (const userId of needs.members ?? []) members.set(userId, there.get(userId) ?? null)
    for (const { key, at, result } of loaded.receipts) receipts.set(key, { at, result })
    mailbox.committed = { ...mailbox.committed, heir: loaded.heir }
    return mailbox.committed
  }

  async function toCommittedRoom({ room, call }: LoadedRoom): Promise<CommittedRoom> {
    return {
      room,
      members: new PartialMap(),
      receipts: new PartialMap(),
      heir: null,
      call: call && (await readCall(room, call)),
    }
  }

  /** A snapshot that cannot be read is made anew from the facts (I4), and at last from LiveKit. */
  async function readCall(room: RoomRecord, call: ActiveCall): Promise<CallAtStep | null> {
    const { step } = call
    try {
      const snapshot = fromStored(call, deps.timing)
      const written = holdsItsParts(call.envelope) ? noParts : snapshot.context
      return { snapshot, step, written }
    } catch (error) {
      if (!(error instanceof UnreadableSnapshotError)) throw error
      log.error({ err: error, callId: call.callId }, 'a call is made anew from its facts')
    }
    const facts = await readLog(room.roomId, room.seq)
    const context = foldCall(room.roomId, facts, deps.timing, now())
    if (context?.callId !== call.callId) return null
    return { snapshot: activeCall(context), step, written: rowsOf(call) }
  }

  async function readLog(roomId: string, seq: number): Promise<LogFact[]> {
    const facts: LogFact[] = []
    for (let last = 0; last < seq; last = facts.at(-1)?.seq ?? seq) {
      facts.push(...(await store.factsAfter(roomId, last, factsPerRead)))
    }
    return facts
  }

  /** Forgets what memory says: the database is read before the next decision. */
  function forget(mailbox: Mailbox): void {
    mailbox.committed = null
    actors.stop(mailbox.roomId)
  }

  async function drain(mailbox: Mailbox): Promise<void> {
    while (mailbox.queue.length > 0) {
      const commands = takeBatch(mailbox.queue)
      try {
        await decideAndCommit(mailbox, commands)
      } catch (error) {
        forget(mailbox)
        log.error({ err: error, roomId: mailbox.roomId }, 'a step of a room failed')
        const refusal = new AppError('unavailable', 'the change could not be stored; try again')
        commands.forEach((command) => command.reject(refusal))
      }
    }
    if (mailbox.committed) trimMemory(mailbox.committed)
    mailbox.running = null
    mailbox.usedAt = now()
    forgetWhile(() => mailboxes.size > roomsInMemory)
  }

  /** Decides these commands on one state of the room and commits them; again when another process was first. */
  async function decideAndCommit(mailbox: Mailbox, commands: Command[]): Promise<void> {
    const needs = allNeeds(commands)
    let isFresh = false
    for (let conflicts = 0; conflicts < maxConflicts;) {
      let base = mailbox.committed
      if (!base || isFresh || !knowsAll(base, needs)) {
        base = await read(mailbox, needs)
        isFresh = true
      }
      if (!base) {
        mailboxes.delete(mailbox.roomId)
        commands.forEach((c) => c.reject(new AppError('not-found', 'there is no such room')))
        return
      }
      const draft = createRoomDraft(base, deps)
      const outcomes = commands.map((command) => tryDecide(command, draft))
      // What leads to no commit is not checked against the version: another process may know better.
      if (!isFresh && outcomes.some((o) => o.is === 'refused' || !needsNoFreshRead(o))) {
        isFresh = true
        continue
      }
      if (!draft.hasWrites()) {
        answer(commands, outcomes)
        return
      }
      const commit = withReceipt(draft.toCommit())
      if ((await write(commit)) === 'conflict') {
        conflicts += 1
        isFresh = true
        continue
      }
      const after = draft.toCommitted()
      mailbox.committed = after
      actors.advance(mailbox.roomId, draft.steps)
      fanOut.committed(after.room.roomId, commit.facts, after.room.version)
      if (commit.room) fanOut.roomChanged(after.room)
      answer(commands, outcomes)
      if (after.room.deletedAt !== null) forget(mailbox)
      return
    }
    throw new Error(`room ${mailbox.roomId}: ${maxConflicts} conflicts in a row`)
  }

  function tryDecide(command: Command, draft: RoomDraft): Outcome {
    try {
      const at = Math.max(now(), draft.state.room.lastAt)
      if (draft.state.room.deletedAt !== null) {
        throw new AppError('not-found', 'there is no such room')
      }
      const decision = command.decide(draft.state, at)
      const applied = draft.apply(decision, at)
      // The answer is made of the room as it was right after this decision.
      const { room, members, heir, call } = draft.state
      const state: RoomState = { room, members, heir, call, receipt: () => undefined }
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
      const key = commit.receipts[0]?.key ?? ''
      const loaded = await store.load(commit.roomId, {
        receipts: [key],
        receiptsSince: now() - receiptLifeMs,
      })
      return loaded?.receipts.some((receipt) => receipt.key === key) ? 'committed' : 'conflict'
    }
  }

  function answer(commands: Command[], outcomes: Outcome[]): void {
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
    run<T>(
      roomId: string,
      needs: RoomNeeds,
      decide: (state: RoomState, at: number) => RoomDecision<T>,
    ): Promise<T> {
      const mailbox = mailboxOf(roomId)
      return new Promise<T>((resolve, reject) => {
        mailbox.queue.push({ needs, decide, resolve: (value) => resolve(value as T), reject })
        mailbox.running ??= Promise.resolve().then(() => drain(mailbox))
      })
    },
    count: () => mailboxes.size,
    forgetQuiet(forMs) {
      const before = now() - forMs
      forgetWhile((mailbox) => mailbox.usedAt < before)
    },
    async idle() {
      for (;;) {
        const running = [...mailboxes.values()].flatMap(({ running }) => (running ? [running] : []))
        if (running.length === 0) break
        await Promise.all(running)
      }
      await groupCommit.idle()
    },
  }
}

/** What goes into one commit. Who inherits a room depends on everything before it, so that is read alone. */
function takeBatch(queue: Command[]): Command[] {
  const alone = queue.findIndex(({ needs }) => needs.heirOf !== undefined)
  const max = alone === 0 ? 1 : alone === -1 ? queue.length : alone
  return queue.splice(0, Math.min(max, commandsPerCommit))
}

function allNeeds(commands: readonly Command[]): RoomNeeds {
  const heirOf = commands[0]?.needs.heirOf
  return {
    members: [...new Set(commands.flatMap(({ needs }) => needs.members ?? []))],
    receipts: [...new Set(commands.flatMap(({ needs }) => needs.receipts ?? []))],
    ...(heirOf !== undefined && { heirOf }),
  }
}

/** Checked by the commit, or repeated by itself. */
function needsNoFreshRead({ decision, applied }: Extract<Outcome, { is: 'decided' }>): boolean {
  return (
    decision.comesAgain === true ||
    applied.steps.length > 0 ||
    applied.facts.length > 0 ||
    decision.receipt !== undefined ||
    decision.room !== undefined ||
    decision.deleteRoom !== undefined
  )
}
