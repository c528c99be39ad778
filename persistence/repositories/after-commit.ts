/** What a commit leaves behind: effects to run, and reports that counted for nothing. */
import { v7 as newId } from 'uuid'
import type { Transaction } from '../database.ts'
import { EffectEntity, IgnoredReportEntity } from '../entities/effects.ts'
import type { IgnoredRecord, NewEffect } from '../store.ts'

/** An effect's id names the thing to be done: what waits already is not written twice. */
export async function insertEffects(
  transaction: Transaction,
  effects: readonly NewEffect[],
): Promise<void> {
  await transaction.insert(
    EffectEntity,
    // In one order for all processes, so that no two of them wait for each other.
    effects
      .map((effect) => ({ ...effect, attempts: 0, leasedUntil: 0 }))
      .sort((a, b) => (a.effectId < b.effectId ? -1 : 1)),
    'on conflict do nothing',
  )
}

export async function insertIgnored(
  transaction: Transaction,
  records: readonly IgnoredRecord[],
): Promise<void> {
  await transaction.insert(
    IgnoredReportEntity,
    // A stranger chose the identity's length.
    records.map((record) => ({
      ...record,
      id: newId(),
      identity: record.identity?.slice(0, 255) ?? null,
    })),
  )
}
