/** Rooms and who is in them. What a commit writes on the hot path goes by `bulk.ts`. */
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { RoomKind, Visibility } from '../store.ts'

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
export type RoomRow = InferEntity<typeof RoomEntity>

export const MemberEntity = defineEntity({
  name: 'Member',
  tableName: 'members',
  properties: {
    roomId: p.string().primary(),
    userId: p.string().primary(),
    joinedAt: p.float(),
  },
})
