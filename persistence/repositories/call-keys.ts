/** The keys' life: minted and shredded by the very commits that start and end their calls (R42). */
import { toJson } from '../bulk.ts'
import type { Transaction } from '../database.ts'
import type { Dialect } from '../dialect.ts'
import { CallKeyEntity, KeyReceiptEntity } from '../entities/calls.ts'
import type { KeyRow, RoomCommit } from '../store.ts'

/** Minted before shredded, so that a call that began and ended in one commit leaves no key. */
export async function writeKeys(
  dialect: Dialect,
  transaction: Transaction,
  batch: readonly Pick<RoomCommit, 'keysMinted' | 'keysShredded'>[],
): Promise<void> {
  const minted = batch.flatMap((commit) => commit.keysMinted)
  await transaction.insert(CallKeyEntity, minted)
  await transaction.insert(
    KeyReceiptEntity,
    minted.map(({ callId, keyEpoch, createdAt }) => ({
      callId,
      keyEpoch,
      mintedAt: createdAt,
      shreddedAt: null,
    })),
  )
  await shredEarlier(dialect, transaction, minted)
  const shredded = batch.flatMap((commit) => commit.keysShredded)
  if (shredded.length === 0) return
  const source = dialect.rowsFromJson({ callId: 'text', at: 'double precision' })
  const json = toJson(shredded)
  await transaction.sql(
    `delete from call_keys where call_id in (select x."callId" from ${source})`,
    [json],
  )
  await transaction.sql(
    `update key_receipts set shredded_at = x.at from ${source}
     where key_receipts.call_id = x."callId" and key_receipts.shredded_at is null`,
    [json],
  )
}

/** A rotation: nobody is given the earlier keys any more, so nobody needs them (R45). */
async function shredEarlier(
  dialect: Dialect,
  transaction: Transaction,
  minted: readonly KeyRow[],
): Promise<void> {
  const later = minted.filter((key) => key.keyEpoch > 0)
  if (later.length === 0) return
  const source = dialect.rowsFromJson({
    callId: 'text',
    keyEpoch: 'integer',
    createdAt: 'double precision',
  })
  const json = toJson(
    later.map(({ callId, keyEpoch, createdAt }) => ({ callId, keyEpoch, createdAt })),
  )
  await transaction.sql(
    `delete from call_keys where exists (select 1 from ${source}
       where x."callId" = call_keys.call_id and x."keyEpoch" > call_keys.key_epoch)`,
    [json],
  )
  await transaction.sql(
    `update key_receipts set shredded_at = x."createdAt" from ${source}
     where key_receipts.call_id = x."callId" and key_receipts.key_epoch < x."keyEpoch"
       and key_receipts.shredded_at is null`,
    [json],
  )
}
