/** The facts of a room's log: messages, membership, and those of its calls. */
import type { CallFact, FactSource } from './call.facts.ts'

interface RoomFactBase {
  at: number
  by: string | null
  source: FactSource
}

export type RoomOwnFact = RoomFactBase &
  (
    | { type: 'message.posted'; text: string; requestId?: string }
    | { type: 'member.joined'; userId: string }
    | { type: 'member.left'; userId: string }
  )

export type RoomFact = RoomOwnFact | CallFact

/** A fact with its number in the room's log. Numbers have no gap (I7). */
export type LogFact = RoomFact & { seq: number }

/** The types that a room's history shows (R47); the rest only moves the call's view. */
export const timelineTypes = [
  'message.posted',
  'call.started',
  'call.ended',
  'member.joined',
  'member.left',
] as const satisfies readonly RoomFact['type'][]
