/** The keys' life: minted and shredded by the very commits that start and end their calls (R42). */
import { toJson } from '../bulk.ts'
import type { Transaction } from '../database.ts'
import type { Dialect } from '../dialect.ts'
import { CallKeyEntity, KeyReceiptEntity } from '../entities/calls.ts'
import type { RoomCommit } from '../store.ts'

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
