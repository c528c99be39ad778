/** What commits asked to be done after them, and the reports that counted for nothing. */
import { defineEntity, p } from '@mikro-orm/core'
import type { IgnoredReason } from '../../machines/call.events.ts'
import { JsonText } from './json-text.ts'

export const EffectEntity = defineEntity({
  name: 'Effect',
  tableName: 'effects',
  properties: {
    effectId: p.string().primary(),
    roomId: p.string().nullable(),
    type: p.string(),
    payload: p.type(JsonText).$type<unknown>(),
    dueAt: p.float(),
    /** How often it was tried. */
    attempts: p.integer(),
    /** While a process runs it, nobody else does. */
    leasedUntil: p.float(),
  },
})

export const IgnoredReportEntity = defineEntity({
  name: 'IgnoredReport',
  tableName: 'ignored_reports',
  properties: {
    /** A uuid v7: sorts by when it was recorded. */
    id: p.string().primary(),
    at: p.float(),
    reason: p.string().$type<IgnoredReason>(),
    event: p.string(),
    roomId: p.string().nullable(),
    callId: p.string().nullable(),
    identity: p.string().nullable(),
  },
})
