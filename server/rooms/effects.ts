/** What may be asked to be done after a commit: each type of effect with what it needs, as its row keeps it. */
import { z } from 'zod'
import type { EffectRecord, NewEffect } from '../../persistence/store.ts'

const account = { roomId: z.null(), payload: z.object({ userId: z.string() }) }

const rows = {
  'livekit.evict': z.object({
    roomId: z.string(),
    /** `why` is for people who read the row. */
    payload: z.object({ callId: z.string(), identity: z.string(), why: z.string() }),
  }),
  'livekit.close-room': z.object({
    roomId: z.string(),
    payload: z.object({ callId: z.string() }),
  }),
  'store.scrub': z.object({ roomId: z.null(), payload: z.object({}) }),
  'account.welcome': z.object(account),
  'account.depart': z.object(account),
}

export type EffectType = keyof typeof rows

export type Effect<T extends EffectType = EffectType> = {
  [K in T]: { type: K } & z.output<(typeof rows)[K]>
}[T]

/** As a commit writes it. */
export type EffectRow<T extends EffectType = EffectType> = Effect<T> &
  Pick<NewEffect, 'effectId' | 'dueAt'>

/** `againAfterMs`: it could not be done yet, which is nothing to complain of. */
export type EffectOutcome = 'done' | { againAfterMs: number }

/** Each is idempotent, and re-checks why it is there. One that rejects is run again later. */
export type EffectHandlers = {
  [T in EffectType]: (effect: Effect<T>) => Promise<EffectOutcome | void>
}

/** Throws for a row that is none of these: a later version may have written it. */
export function parseEffect({ type, roomId, payload }: EffectRecord): Effect {
  if (!isEffectType(type)) throw new Error(`no handler for effects of type ${type}`)
  return { type, ...rows[type].parse({ roomId, payload }) } as Effect
}

const isEffectType = (type: string): type is EffectType => Object.hasOwn(rows, type)
