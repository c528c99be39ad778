/** Accounts and sessions. */
import type { Database } from '../database.ts'
import { SessionEntity, UserEntity, type UserRow } from '../entities/accounts.ts'
import type { AccountStore, UserRecord } from '../store.ts'
import { insertEffects } from './after-commit.ts'
import { toLikePattern, toSearchText, toUser, userColumns, type UserColumns } from './user-rows.ts'

/** Sessions that ended in other processes may become visible this much later than they say. */
const clockMarginMs = 5_000

class Refused extends Error {
  readonly why: 'login-taken' | 'setup-code-needed'

  constructor(why: 'login-taken' | 'setup-code-needed') {
    super(why)
    this.why = why
  }
}

export function createAccountStore(database: Database): AccountStore {
  const { sql, dialect } = database

  return {
    async register(user, passwordHash, { mayBeFirst, effects }) {
      try {
        return await database.write(async (transaction) => {
          const { em, sql } = transaction
          // Of two first people at once, one waits here for the other.
          await sql(
            `insert into settings (name, value) values ('accounts', '1')
             on conflict (name) do update set value = excluded.value`,
          )
          if (await em.findOne(UserEntity, { login: user.login })) throw new Refused('login-taken')
          const isFirst = (await em.count(UserEntity)) === 0
          if (isFirst && !mayBeFirst) throw new Refused('setup-code-needed')
          const row = {
            ...user,
            searchText: toSearchText(`${user.displayName}\n${user.login}`),
            admin: isFirst,
            passwordHash,
            deletedAt: null,
          }
          await transaction.insert(UserEntity, [row])
          await insertEffects(transaction, effects)
          return toRecord(row)
        })
      } catch (error) {
        if (error instanceof Refused) return error.why
        throw error
      }
    },

    async findByLogin(login) {
      const row = await database.read((em) => em.findOne(UserEntity, { login, deletedAt: null }))
      if (!row || row.passwordHash === null || row.passwordHash === undefined) return undefined
      return { ...toRecord(row), passwordHash: row.passwordHash }
    },

    async findUser(userId) {
      const row = await database.read((em) => em.findOne(UserEntity, { id: userId }))
      return row ? { ...toRecord(row), passwordHash: row.passwordHash ?? null } : undefined
    },

    async users(userIds) {
      if (userIds.length === 0) return []
      const rows = await database.read((em) => em.find(UserEntity, { id: { $in: userIds } }))
      return rows.map(toRecord)
    },

    async search(query, limit) {
      // No name is longer, and no name has a NUL.
      const text = toSearchText(query.slice(0, 200).replaceAll('\0', ''))
      const rows = await sql<UserColumns>(
        `select ${userColumns} from users u
         where u.deleted_at is null and u.search_text like ? escape '\\'
         order by u.search_text, u.id limit ?`,
        [toLikePattern(text), limit],
      )
      return rows.map(toUser)
    },

    count: () => database.read((em) => em.count(UserEntity)),

    deleteUser: (userId, at, effects) =>
      database.write(async (transaction) => {
        const { sql } = transaction
        // No possible login, so that nobody can take it.
        const gone = await sql(
          `update users set login = ?, password_hash = null, deleted_at = ?
           where id = ? and deleted_at is null returning id`,
          [`deleted:${userId}`, at, userId],
        )
        if (gone.length === 0) return false
        await sql(
          `update sessions set ended_at = ${dialect.nowSql} where user_id = ? and ended_at is null`,
          [userId],
        )
        await insertEffects(transaction, effects)
        return true
      }),

    async openSession(session) {
      await database.write((transaction) =>
        transaction.insert(SessionEntity, [{ ...session, endedAt: null }]),
      )
    },

    async findSession(tokenHash, at) {
      const [row] = await sql<
        UserColumns & {
          token_hash: string
          session_id: string
          session_created_at: number
          expires_at: number
        }
      >(
        `select ${userColumns}, s.token_hash, s.session_id, s.created_at as session_created_at,
           s.expires_at
         from sessions s join users u on u.id = s.user_id
         where s.token_hash = ? and s.ended_at is null and s.expires_at > ?
           and u.deleted_at is null`,
        [tokenHash, at],
      )
      if (!row) return undefined
      return {
        user: toUser(row),
        session: {
          tokenHash: row.token_hash,
          sessionId: row.session_id,
          userId: row.id,
          createdAt: row.session_created_at,
          expiresAt: row.expires_at,
        },
      }
    },

    async prolongSession(tokenHash, at, expiresAt) {
      const prolonged = await database.write(({ sql }) =>
        sql(
          `update sessions set expires_at = ?
           where token_hash = ? and ended_at is null and expires_at > ? returning token_hash`,
          [expiresAt, tokenHash, at],
        ),
      )
      return prolonged.length > 0
    },

    async endSession(tokenHash) {
      await database.write(({ sql }) =>
        sql(
          `update sessions set ended_at = ${dialect.nowSql}
           where token_hash = ? and ended_at is null`,
          [tokenHash],
        ),
      )
    },

    async sessionsEndedSince(at) {
      const rows = await sql<{ session_id: string }>(
        `select session_id from sessions where ended_at >= ?`,
        [at - clockMarginMs],
      )
      return rows.map((row) => row.session_id)
    },

    purgeSessions: (before, limit) =>
      database.write(async ({ sql }) => {
        const gone = await sql(
          `delete from sessions where token_hash in
             (select token_hash from sessions where expires_at < ? or ended_at < ? limit ?)
           returning token_hash`,
          [before, before, limit],
        )
        return gone.length === limit
      }),
  }
}

function toRecord(row: UserRow): UserRecord {
  const { id, login, displayName, admin, createdAt } = row
  return { id, login, displayName, admin, createdAt, deletedAt: row.deletedAt ?? null }
}
