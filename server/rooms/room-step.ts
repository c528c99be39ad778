/**
 * One step of a room, as its callers see it: what is read inside, and what may be decided.
 * `room-mailbox.ts` runs it: decide, one commit, advance, publish, answer.
 */
import type { CallEvent } from '../../machines/call.events.ts'
import type { Decision, CallSnapshot } from '../../machines/decide.ts'
import type { LogFact, RoomOwnFact } from '../../machines/room.facts.ts'
import type { IgnoredRecord, RoomNeeds, RoomRecord } from '../../persistence/store.ts'

/** The room under the version that the commit will check. Read only. */
export interface RoomState {
  readonly room: RoomRecord
  /** Throws for somebody who was not asked for. */
  readonly members: { has(userId: string): boolean }
  /** Who has been a member for longest but for the one asked for; null when nobody is. */
  readonly heir: string | null
  /** The call that is on; null when none is. */
  readonly call: CallSnapshot | null
  /** The stored result of an earlier step with this receipt key; undefined when there was none. */
  receipt(key: string): { result: unknown } | undefined
}

type OwnFact<F = RoomOwnFact> = F extends RoomOwnFact ? Omit<F, 'at'> : never

/** What a step changes. All of it is committed at once, or none. */
export interface RoomDecision<T> {
  /** Of the room itself; the call's facts come from its machine. */
  facts?: OwnFact[]
  room?: Partial<Pick<RoomRecord, 'name' | 'visibility' | 'ownerId'>>
  /** Adds `member.joined` facts by itself. */
  addMembers?: { userId: string; by: string | null }[]
  /** Adds `member.left` facts by itself, and takes the person out of the call in the same commit (R18). */
  removeMembers?: { userId: string; by: string | null }[]
  /** Ends the call with it (R19). */
  deleteRoom?: { by: string | null }
  /** Drives the call; `at` is the step's own time. */
  callEvent?: (at: number) => CallEvent
  /**
   * What changes nothing is decided again on a fresh read, because another process may have
   * committed meanwhile. Set for what comes again by itself: memory is good enough for it.
   */
  comesAgain?: true
  /** Written with the commit, so that the same request again is known (R23). */
  receipt?: { key: string; result?: unknown }
  /** Recorded when the call's machine ignored the event (R32). */
  ignoredAs?: Pick<IgnoredRecord, 'event' | 'identity' | 'callId'>
  /** The step's answer, made after the commit. `call` is what the machine decided, if it was asked. */
  result: (committed: { facts: LogFact[]; state: RoomState; call: Decision | null }) => T
}

export interface RoomSteps {
  /**
   * Runs one step in the room's mailbox. `needs`: what it reads beside the room and its call. `decide` is synchronous, pure, and may be called again
   * when another process committed first. What it throws reaches the caller, and changes nothing.
   * Throws `AppError('not-found')` when there is no such room (or it is deleted) and
   * `AppError('unavailable')` when the commit failed.
   */
  run<T>(
    roomId: string,
    needs: RoomNeeds,
    decide: (state: RoomState, at: number) => RoomDecision<T>,
  ): Promise<T>
}
