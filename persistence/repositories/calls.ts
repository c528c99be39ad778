/** Calls as a start, the inspector and the keys' owners read them. */
import type { Database } from '../database.ts'
import type { CallStore, IgnoredRecord, KeyRow, StepRecord } from '../store.ts'
import { insertIgnored } from './commit-rooms.ts'

export function createCallStore(database: Database): CallStore {
  const { sql, dialect } = database
  return {
    async active() {
      const rows = await sql<{
        call_id: string
        room_id: string
        due_at: number | null
        started_at: number
      }>(`select call_id, room_id, due_at, started_at from calls where ended_at is null`)
      return rows.map((row) => ({
        callId: row.call_id,
        roomId: row.room_id,
        dueAt: row.due_at,
        startedAt: row.started_at,
      }))
    },

    async stateOf(callId) {
      const [row] = await sql<{ ended_at: number | null }>(
        `select ended_at from calls where call_id = ?`,
        [callId],
      )
      return row && (row.ended_at === null ? 'active' : 'ended')
    },

    async key(callId): Promise<KeyRow | undefined> {
      const [row] = await sql<{
        call_id: string
        key_epoch: number
        sealed_key: string
        created_at: number
      }>(
        `select call_id, key_epoch, sealed_key, created_at from call_keys
         where call_id = ? order by key_epoch desc limit 1`,
        [callId],
      )
      return (
        row && {
          callId: row.call_id,
          keyEpoch: row.key_epoch,
          sealedKey: row.sealed_key,
          createdAt: row.created_at,
        }
      )
    },

    async steps(callId, after, limit) {
      const rows = await sql<{
        call_id: string
        step: number
        room_id: string
        event: string
        source: StepRecord['source']
        at: number
        state: string
        detail: string
        definition_hash: string
        first_seq: number | null
        last_seq: number | null
      }>(`select * from steps where call_id = ? and step > ? order by step limit ?`, [
        callId,
        after,
        limit,
      ])
      return rows.map((row) => ({
        callId: row.call_id,
        step: row.step,
        roomId: row.room_id,
        event: row.event,
        source: row.source,
        at: row.at,
        state: row.state,
        detail: JSON.parse(row.detail) as unknown,
        definitionHash: row.definition_hash,
        firstSeq: row.first_seq,
        lastSeq: row.last_seq,
      }))
    },

    async ignored(limit) {
      const rows = await sql<{
        at: number
        reason: IgnoredRecord['reason']
        event: string
        room_id: string | null
        call_id: string | null
        identity: string | null
      }>(`select * from ignored_reports order by at desc limit ?`, [limit])
      return rows.map((row) => ({
        at: row.at,
        reason: row.reason,
        event: row.event,
        roomId: row.room_id,
        callId: row.call_id,
        identity: row.identity,
      }))
    },

    recordIgnored: (records) =>
      database.write(({ sql }) => insertIgnored(sql, dialect, records)),

    async saveChart(definitionHash, machineId, chart) {
      await database.write(({ sql }) =>
        sql(
          `insert into charts (definition_hash, machine_id, chart) values (?, ?, ?)
           on conflict do nothing`,
          [definitionHash, machineId, JSON.stringify(chart)],
        ),
      )
    },
  }
}
