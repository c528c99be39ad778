/** Users as SQL gives them, and as searches find them. */
import type { UserRecord } from '../store.ts'

export interface UserColumns {
  id: string
  login: string
  display_name: string
  /** SQLite gives 0 and 1. */
  admin: boolean | number
  created_at: number
  deleted_at: number | null
}

/** Of the table `users u`. */
export const userColumns = `u.id, u.login, u.display_name, u.admin, u.created_at, u.deleted_at`

export function toUser(row: UserColumns): UserRecord {
  return {
    id: row.id,
    login: row.login,
    displayName: row.display_name,
    admin: Boolean(row.admin),
    createdAt: row.created_at,
    deletedAt: row.deleted_at,
  }
}

/** Without case and compatibility forms, alike in both databases. */
export const toSearchText = (text: string): string => text.normalize('NFKC').toLowerCase()

/** A pattern for `like … escape '\'` that finds the text anywhere; its own wildcards mean themselves. */
export const toLikePattern = (text: string): string => `%${escapeLike(text)}%`

export const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, (c) => `\\${c}`)
