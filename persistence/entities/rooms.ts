/** Rooms, who is in them, and what their logs say. */
import { defineEntity, p } from '@mikro-orm/core'
import type { LogFact } from '../../machines/room.facts.ts'
import type { RoomKind, Visibility } from '../store.ts'
import { JsonText } from './json-text.ts'

export const RoomEntity = defineEntity({
  name: 'Room',
  tableName: 'rooms',
  properties: {
    roomId: p.string().primary(),
    name: p.string(),
    kind: p.string().$type<RoomKind>(),
    visibility: p.string().$type<Visibility>(),
    ownerId: p.string().nullable(),
    dmKey: p.string().nullable().unique(),
    createdAt: p.float(),
    deletedAt: p.float().nullable(),
    version: p.integer(),
    seq: p.integer(),
    lastAt: p.float(),
    /** By the database's clock, with every commit. */
    changedAt: p.float(),
  },
})

export const MemberEntity = defineEntity({
  name: 'Member',
  tableName: 'members',
  properties: {
    roomId: p.string().primary(),
    userId: p.string().primary(),
    joinedAt: p.float(),
  },
})

/** The room's log, append-only: its primary key keeps a number from being used twice (I7). */
export const FactEntity = defineEntity({
  name: 'Fact',
  tableName: 'facts',
  properties: {
    roomId: p.string().primary(),
    seq: p.integer().primary(),
    type: p.string(),
    fact: p.type(JsonText).$type<LogFact>(),
  },
})

/** What was answered to a request or a webhook, so that the same again is known (R23). */
export const ReceiptEntity = defineEntity({
  name: 'Receipt',
  tableName: 'receipts',
  properties: {
    roomId: p.string().primary(),
    receiptKey: p.string().primary(),
    at: p.float(),
    result: p.type(JsonText).$type<unknown>(),
  },
})
