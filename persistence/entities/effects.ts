/** What commits asked to be done after them. */
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'

export const EffectEntity = defineEntity({
  name: 'Effect',
  tableName: 'effects',
  properties: {
    effectId: p.string().primary(),
    roomId: p.string().nullable(),
    type: p.string(),
    payload: p.text(),
    dueAt: p.float(),
    /** How often it was tried. */
    attempts: p.integer(),
    /** While a process runs it, nobody else does. */
    leasedUntil: p.float(),
  },
})
export type EffectRow = InferEntity<typeof EffectEntity>
