/** Calls as a start, the inspector and the keys' owners read them. */
import type { Database } from '../database.ts'
import { ChartEntity, StepEntity } from '../entities/calls.ts'
import { IgnoredReportEntity } from '../entities/effects.ts'
import type { CallStore, IgnoredRecord, StepRecord } from '../store.ts'
import { insertIgnored } from './after-commit.ts'

export function createCallStore(database: Database): CallStore {
  const { sql } = database
  return {
    async active() {
      const rows = await sql<{
        call_id: string
        room_id: string
        step: number
        due_at: number | null
        started_at: number
      }>(`select call_id, room_id, step, due_at, started_at from calls where ended_at is null`)
      return rows.map((row) => ({
        callId: row.call_id,
        roomId: row.room_id,
        step: row.step,
        dueAt: row.due_at,
        startedAt: row.started_at,
      }))
    },

    async lastReportAt() {
      const [row] = await sql<{ at: number }>(
        `select at from receipts where receipt_key like 'webhook:%' order by at desc limit 1`,
      )
      return row?.at ?? null
    },

    async stateOf(callId) {
      const [row] = await sql<{ ended_at: number | null }>(
        `select ended_at from calls where call_id = ?`,
        [callId],
      )
      return row && (row.ended_at === null ? 'active' : 'ended')
    },

    async key(callId) {
      // By hand, because every join reads it.
      const [row] = await sql<{ key_epoch: number; sealed_key: string; created_at: number }>(
        `select key_epoch, sealed_key, created_at from call_keys
         where call_id = ? order by key_epoch desc limit 1`,
        [callId],
      )
      if (!row) return undefined
      const { key_epoch: keyEpoch, sealed_key: sealedKey, created_at: createdAt } = row
      return { callId, keyEpoch, sealedKey, createdAt }
    },

    async steps(callId, after, limit) {
      const rows = await database.read((em) =>
        em.find(
          StepEntity,
          { callId, step: { $gt: after } },
          { orderBy: { step: 'asc' }, limit, disableIdentityMap: true },
        ),
      )
      return rows.map((row): StepRecord => ({
        callId,
        step: row.step,
        roomId: row.roomId,
        event: row.event,
        source: row.source,
        at: row.at,
        state: row.state,
        detail: row.detail,
        definitionHash: row.definitionHash,
        firstSeq: row.firstSeq ?? null,
        lastSeq: row.lastSeq ?? null,
      }))
    },

    async ignored(limit) {
      const rows = await database.read((em) =>
        em.find(IgnoredReportEntity, {}, { orderBy: { id: 'desc' }, limit }),
      )
      return rows.map((row): IgnoredRecord => ({
        at: row.at,
        reason: row.reason,
        event: row.event,
        roomId: row.roomId ?? null,
        callId: row.callId ?? null,
        identity: row.identity ?? null,
      }))
    },

    async recordIgnored(records) {
      if (records.length === 0) return
      await database.write((transaction) => insertIgnored(transaction, records))
    },

    async saveChart(definitionHash, machineId, chart) {
      await database.write((transaction) =>
        transaction.insert(
          ChartEntity,
          [{ definitionHash, machineId, chart }],
          'on conflict do nothing',
        ),
      )
    },
  }
}
