/** Calls: their latest state, their steps, their keys, and what a definition hash stands for. */
import { defineEntity, p } from '@mikro-orm/core'
import type { FactSource } from '../../machines/call.facts.ts'
import type { SnapshotEnvelope } from '../store.ts'
import { JsonText } from './json-text.ts'

export const CallEntity = defineEntity({
  name: 'Call',
  tableName: 'calls',
  properties: {
    callId: p.string().primary(),
    roomId: p.string(),
    step: p.integer(),
    envelope: p.type(JsonText).$type<SnapshotEnvelope>(),
    startedAt: p.float(),
    startedBy: p.string(),
    endedAt: p.float().nullable(),
    endReason: p.string().nullable(),
    dueAt: p.float().nullable(),
  },
})

/** A browser's place in a call that is on: a row each, so that an event writes what it changed (R51). */
export const CallConnectionEntity = defineEntity({
  name: 'CallConnection',
  tableName: 'call_connections',
  properties: {
    callId: p.string().primary(),
    identity: p.string().primary(),
    connection: p.type(JsonText).$type<unknown>(),
  },
})

/** Who took part in a call that is on, in order; null once they are gone. */
export const CallPersonEntity = defineEntity({
  name: 'CallPerson',
  tableName: 'call_people',
  properties: {
    callId: p.string().primary(),
    userId: p.string().primary(),
    place: p.integer(),
    person: p.type(JsonText).$type<unknown>(),
  },
})

export const StepEntity = defineEntity({
  name: 'Step',
  tableName: 'steps',
  properties: {
    callId: p.string().primary(),
    step: p.integer().primary(),
    roomId: p.string(),
    event: p.string(),
    source: p.string().$type<FactSource>(),
    at: p.float(),
    state: p.string(),
    detail: p.type(JsonText).$type<unknown>(),
    definitionHash: p.string(),
    firstSeq: p.integer().nullable(),
    lastSeq: p.integer().nullable(),
  },
})

/** There if and only if its call is active (I2). */
export const CallKeyEntity = defineEntity({
  name: 'CallKey',
  tableName: 'call_keys',
  properties: {
    callId: p.string().primary(),
    keyEpoch: p.integer().primary(),
    sealedKey: p.string(),
    createdAt: p.float(),
  },
})

/** What stays of a key: that it was, and until when (R42). */
export const KeyReceiptEntity = defineEntity({
  name: 'KeyReceipt',
  tableName: 'key_receipts',
  properties: {
    callId: p.string().primary(),
    keyEpoch: p.integer().primary(),
    mintedAt: p.float(),
    shreddedAt: p.float().nullable(),
  },
})

export const ChartEntity = defineEntity({
  name: 'Chart',
  tableName: 'charts',
  properties: {
    definitionHash: p.string().primary(),
    machineId: p.string(),
    chart: p.type(JsonText).$type<unknown>(),
  },
})
