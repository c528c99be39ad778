/**
 * What this process knows of a room at one version of it: the room, its call, and those members and
 * receipts that were asked for. A bounded part of both (R51); the version that a commit checks tells
 * whether it still holds.
 */
import type { MemberRecord, RoomNeeds, RoomRecord } from '../../persistence/store.ts'
import type { CallAtStep } from './call-steps.ts'

export interface Receipt {
  at: number
  result: unknown
}

/** A room as it is in the database, at one version. Never changed in place, but for what is known beside it. */
export interface CommittedRoom {
  room: RoomRecord
  call: CallAtStep | null
  /** By user id; null for who is known to be no member. Handed on from version to version. */
  members: PartialMap<MemberRecord>
  /** By key; null for one that is known not to be there. Handed on likewise. */
  receipts: PartialMap<Receipt>
  /** Who has been a member for longest, but for the one asked about; read for one decision only. */
  heir: string | null
}

/** Values by key, or that there is none. */
export class PartialMap<T> {
  readonly #values = new Map<string, T | null>()

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** Undefined when it is not known. */
  get(key: string): T | null | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: T | null): void {
    this.#values.delete(key)
    this.#values.set(key, value)
  }

  /** Keeps the latest so many. */
  trim(max: number): void {
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= max) return
      this.#values.delete(oldest)
    }
  }
}

/** Lets go of what a big call or a busy room does not need again soon. */
export function trimMemory({ members, receipts }: CommittedRoom): void {
  members.trim(1_000)
  receipts.trim(500)
}

/** Whether memory has all that a decision reads. A receipt that is not known is found by the commit. */
export function knowsAll({ members }: CommittedRoom, needs: RoomNeeds): boolean {
  return needs.heirOf === undefined && (needs.members ?? []).every((userId) => members.has(userId))
}
