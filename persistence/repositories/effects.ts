/** What waits to be done after commits. */
import type { Database } from '../database.ts'
import type { EffectRecord, EffectStore } from '../store.ts'
import { insertEffects } from './after-commit.ts'
import { escapeLike } from './user-rows.ts'

export function createEffectStore(database: Database): EffectStore {
  const { sql, dialect } = database
  return {
    async add(effects) {
      if (effects.length === 0) return
      await database.write((transaction) => insertEffects(transaction, effects))
    },

    claimDue: (at, leaseMs, limit, except = []) =>
      database.write(async ({ sql }) => {
        const rows = await sql<{
          effect_id: string
          room_id: string | null
          type: string
          payload: string
          due_at: number
          attempts: number
        }>(
          `update effects set leased_until = ?, attempts = attempts + 1 where effect_id in (
             select effect_id from effects where due_at <= ? and leased_until <= ? ${notOf(except)}
             order by due_at, effect_id limit ? ${dialect.skipLocked})
           returning effect_id, room_id, type, payload, due_at, attempts`,
          [at + leaseMs, at, at, ...except, limit],
        )
        const taken = rows.map((row): EffectRecord => ({
          effectId: row.effect_id,
          roomId: row.room_id,
          type: row.type,
          payload: JSON.parse(row.payload) as unknown,
          dueAt: row.due_at,
          // Tries before this one.
          attempts: row.attempts - 1,
        }))
        return taken.sort((a, b) => a.dueAt - b.dueAt)
      }),

    async done(effectIds) {
      if (effectIds.length === 0) return
      await database.write(({ sql }) =>
        sql(
          `delete from effects where effect_id in (${effectIds.map(() => '?').join(', ')})`,
          effectIds,
        ),
      )
    },

    async retry(effectId, dueAt) {
      await database.write(({ sql }) =>
        sql(`update effects set due_at = ?, leased_until = 0 where effect_id = ?`, [
          dueAt,
          effectId,
        ]),
      )
    },

    async nextDueAt(except = []) {
      const [row] = await sql<{ at: number | null }>(
        `select min(case when leased_until > due_at then leased_until else due_at end) as at
         from effects where true ${notOf(except)}`,
        except,
      )
      return row?.at ?? null
    },

    async openEvictions(callId) {
      const [row] = await sql<{ open: number | string }>(
        `select count(*) as open from effects
         where type = 'livekit.evict' and effect_id like ? escape '\\'`,
        [`evict:${escapeLike(callId)}:%`],
      )
      return Number(row?.open ?? 0)
    },

    trim: (receiptsBefore, keepIgnored, limit) =>
      database.write(async ({ sql }) => {
        const receipts = await sql(
          `delete from receipts where (room_id, receipt_key) in
             (select room_id, receipt_key from receipts where at < ? order by at limit ?)
           returning room_id`,
          [receiptsBefore, limit],
        )
        const ignored = await sql(
          `delete from ignored_reports where id in
             (select id from ignored_reports order by id desc limit ? offset ?)
           returning id`,
          [limit, keepIgnored],
        )
        return receipts.length === limit || ignored.length === limit
      }),
  }
}

function notOf(types: readonly string[]): string {
  return types.length === 0 ? '' : `and type not in (${types.map(() => '?').join(', ')})`
}
