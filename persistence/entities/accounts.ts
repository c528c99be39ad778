/** Users and their sessions. Times are epoch milliseconds as doubles: exact, and numbers in both drivers. */
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'

export const UserEntity = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.string().primary(),
    /** Of deleted users a tombstone, so that the login is free again. */
    login: p.string().unique(),
    displayName: p.string(),
    /** Display name and login as `toSearchText` folds them: SQLite itself knows no case but ASCII's. */
    searchText: p.string(),
    admin: p.boolean(),
    passwordHash: p.string().nullable(),
    createdAt: p.float(),
    deletedAt: p.float().nullable(),
  },
})
export type UserRow = InferEntity<typeof UserEntity>

export const SessionEntity = defineEntity({
  name: 'Session',
  tableName: 'sessions',
  properties: {
    tokenHash: p.string().primary(),
    sessionId: p.string(),
    userId: p.string(),
    createdAt: p.float(),
    expiresAt: p.float(),
    /** By the database's clock: other processes ask for what ended since. */
    endedAt: p.float().nullable(),
  },
})
