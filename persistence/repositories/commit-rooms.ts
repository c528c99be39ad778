/** Writes many rooms' commits in one transaction: the group commit's one statement per table. */
import { insertMany, updateMany, type BulkTable } from '../bulk.ts'
import type { Database, Transaction } from '../database.ts'
import type { Dialect } from '../dialect.ts'
import type { CommitOutcome, IgnoredRecord, NewEffect, RoomCommit } from '../store.ts'

/** Rooms that were found in conflict within a transaction, which is then rolled back. */
class ConflictsFound extends Error {
  readonly roomIds: ReadonlySet<string>

  constructor(roomIds: ReadonlySet<string>) {
    super('some rooms were committed by somebody else')
    this.roomIds = roomIds
  }
}

/** Rooms in conflict are left out and the others written; rejects when nothing was committed. */
export async function commitRooms(
  database: Database,
  batch: RoomCommit[],
): Promise<CommitOutcome[]> {
  const conflicts = new Set<string>()
  for (;;) {
    const rest = batch.filter((commit) => !conflicts.has(commit.roomId))
    if (rest.length === 0) break
    try {
      await database.write((transaction) => writeAll(database.dialect, transaction, rest))
      break
    } catch (error) {
      if (!(error instanceof ConflictsFound)) throw error
      error.roomIds.forEach((roomId) => conflicts.add(roomId))
    }
  }
  return batch.map((commit) => (conflicts.has(commit.roomId) ? 'conflict' : 'committed'))
}

const rooms = {
  table: 'rooms',
  columns: {
    room_id: 'text',
    expected: 'integer',
    version: 'integer',
    seq: 'integer',
    last_at: 'double precision',
  },
} satisfies BulkTable<string>

const receipts = {
  table: 'receipts',
  columns: { room_id: 'text', receipt_key: 'text', at: 'double precision', result: 'json' },
} satisfies BulkTable<string>

const facts = {
  table: 'facts',
  columns: { room_id: 'text', seq: 'integer', type: 'text', fact: 'json' },
} satisfies BulkTable<string>

const steps = {
  table: 'steps',
  columns: {
    call_id: 'text',
    step: 'integer',
    room_id: 'text',
    event: 'text',
    source: 'text',
    at: 'double precision',
    state: 'text',
    detail: 'json',
    definition_hash: 'text',
    first_seq: 'integer',
    last_seq: 'integer',
  },
} satisfies BulkTable<string>

const calls = {
  table: 'calls',
  columns: {
    call_id: 'text',
    room_id: 'text',
    step: 'integer',
    envelope: 'json',
    started_at: 'double precision',
    started_by: 'text',
    ended_at: 'double precision',
    end_reason: 'text',
    due_at: 'double precision',
  },
} satisfies BulkTable<string>

const takeNewestCall = `on conflict (call_id) do update set step = excluded.step,
  envelope = excluded.envelope, ended_at = excluded.ended_at,
  end_reason = excluded.end_reason, due_at = excluded.due_at`

const members = {
  table: 'members',
  columns: { room_id: 'text', user_id: 'text', joined_at: 'double precision' },
} satisfies BulkTable<string>

const keys = {
  table: 'call_keys',
  columns: {
    call_id: 'text',
    key_epoch: 'integer',
    sealed_key: 'text',
    created_at: 'double precision',
  },
} satisfies BulkTable<string>

const keyReceipts = {
  table: 'key_receipts',
  columns: { call_id: 'text', key_epoch: 'integer', minted_at: 'double precision' },
} satisfies BulkTable<string>

async function writeAll(
  dialect: Dialect,
  { sql }: Transaction,
  batch: RoomCommit[],
): Promise<void> {
  await moveVersions(dialect, sql, batch)
  await writeReceipts(dialect, sql, batch)
  await insertMany(
    sql,
    dialect,
    facts,
    batch.flatMap((commit) =>
      commit.facts.map((fact) => ({
        room_id: commit.roomId,
        seq: fact.seq,
        type: fact.type,
        fact,
      })),
    ),
  )
  await changeRooms(sql, batch)
  await writeMembers(dialect, sql, batch)
  // Ended calls first: a room has at most one active call at any time (I1).
  const ended = batch.flatMap((commit) => commit.endedCalls.map((call) => toCallRow(commit, call)))
  await insertMany(sql, dialect, calls, ended, takeNewestCall)
  const active = batch.flatMap((commit) => (commit.call ? [toCallRow(commit, commit.call)] : []))
  await insertMany(sql, dialect, calls, active, takeNewestCall)
  await insertMany(
    sql,
    dialect,
    steps,
    batch.flatMap((commit) =>
      commit.steps.map((step) => ({
        call_id: step.callId,
        step: step.step,
        room_id: step.roomId,
        event: step.event,
        source: step.source,
        at: step.at,
        state: step.state,
        detail: step.detail,
        definition_hash: step.definitionHash,
        first_seq: step.firstSeq,
        last_seq: step.lastSeq,
      })),
    ),
  )
  await writeKeys(dialect, sql, batch)
  await insertIgnored(
    sql,
    dialect,
    batch.flatMap((commit) => commit.ignored),
  )
  await insertEffects(
    sql,
    dialect,
    batch.flatMap((commit) => commit.effects),
  )
}

/** The version is checked and moved by the same statement; who is not given back had moved already. */
async function moveVersions(
  dialect: Dialect,
  sql: Transaction['sql'],
  batch: RoomCommit[],
): Promise<void> {
  const moved = await updateMany<keyof typeof rooms.columns, { room_id: string }>(
    sql,
    dialect,
    rooms,
    batch.map((commit) => ({
      room_id: commit.roomId,
      expected: commit.expectedVersion,
      version: commit.newVersion,
      seq: commit.seq,
      last_at: commit.lastAt,
    })),
    `version = x.version, seq = x.seq, last_at = x.last_at, changed_at = ${dialect.nowSql}`,
    `rooms.room_id = x.room_id and rooms.version = x.expected`,
    `returning rooms.room_id as room_id`,
  )
  throwConflicts(batch, new Set(moved.map((row) => row.room_id)))
}

/** A receipt that is there already means that the same request was committed before (R23). */
async function writeReceipts(
  dialect: Dialect,
  sql: Transaction['sql'],
  batch: RoomCommit[],
): Promise<void> {
  const rows = batch.flatMap((commit) =>
    commit.receipts.map(({ key, at, result }) => ({
      room_id: commit.roomId,
      receipt_key: key,
      at,
      result: { result },
    })),
  )
  const written = await insertMany<
    keyof typeof receipts.columns,
    { room_id: string; receipt_key: string }
  >(sql, dialect, receipts, rows, `on conflict do nothing returning room_id, receipt_key`)
  if (written.length === rows.length) return
  const there = new Set(written.map((row) => `${row.room_id} ${row.receipt_key}`))
  const complete = batch.filter((commit) =>
    commit.receipts.every(({ key }) => there.has(`${commit.roomId} ${key}`)),
  )
  throwConflicts(batch, new Set(complete.map((commit) => commit.roomId)))
}

function throwConflicts(batch: RoomCommit[], fine: ReadonlySet<string>): void {
  const conflicts = batch.map((commit) => commit.roomId).filter((roomId) => !fine.has(roomId))
  if (conflicts.length > 0) throw new ConflictsFound(new Set(conflicts))
}

/** Rare: a room that is renamed, handed over or deleted. */
async function changeRooms(sql: Transaction['sql'], batch: RoomCommit[]): Promise<void> {
  const columns = {
    name: 'name',
    visibility: 'visibility',
    ownerId: 'owner_id',
    deletedAt: 'deleted_at',
  } as const
  for (const { roomId, room } of batch) {
    if (!room) continue
    for (const key of Object.keys(columns) as (keyof typeof columns)[]) {
      if (!(key in room)) continue
      await sql(`update rooms set ${columns[key]} = ? where room_id = ?`, [
        room[key] ?? null,
        roomId,
      ])
    }
  }
}

async function writeMembers(
  dialect: Dialect,
  sql: Transaction['sql'],
  batch: RoomCommit[],
): Promise<void> {
  for (const { roomId, membersRemoved } of batch) {
    for (const userId of membersRemoved) {
      await sql(`delete from members where room_id = ? and user_id = ?`, [roomId, userId])
    }
  }
  await insertMany(
    sql,
    dialect,
    members,
    batch.flatMap((commit) =>
      commit.membersAdded.map(({ userId, joinedAt }) => ({
        room_id: commit.roomId,
        user_id: userId,
        joined_at: joinedAt,
      })),
    ),
  )
}

function toCallRow(
  commit: RoomCommit,
  call: NonNullable<RoomCommit['call']>,
): Record<keyof typeof calls.columns, unknown> {
  return {
    call_id: call.callId,
    room_id: commit.roomId,
    step: call.step,
    envelope: call.envelope,
    started_at: call.startedAt,
    started_by: call.startedBy,
    ended_at: call.endedAt,
    end_reason: call.endReason,
    due_at: call.dueAt,
  }
}

/** R42: minted before shredded, so that a call that began and ended in one commit leaves no key. */
async function writeKeys(
  dialect: Dialect,
  sql: Transaction['sql'],
  batch: RoomCommit[],
): Promise<void> {
  const minted = batch.flatMap((commit) => commit.keysMinted)
  await insertMany(
    sql,
    dialect,
    keys,
    minted.map((key) => ({
      call_id: key.callId,
      key_epoch: key.keyEpoch,
      sealed_key: key.sealedKey,
      created_at: key.createdAt,
    })),
  )
  await insertMany(
    sql,
    dialect,
    keyReceipts,
    minted.map((key) => ({
      call_id: key.callId,
      key_epoch: key.keyEpoch,
      minted_at: key.createdAt,
    })),
  )
  for (const { callId, at } of batch.flatMap((commit) => commit.keysShredded)) {
    await sql(`delete from call_keys where call_id = ?`, [callId])
    await sql(
      `update key_receipts set shredded_at = ? where call_id = ? and shredded_at is null`,
      [at, callId],
    )
  }
}

/** An effect's id names the thing to be done: what waits already is not written twice. */
export async function insertEffects(
  sql: Transaction['sql'],
  dialect: Dialect,
  effects: readonly NewEffect[],
): Promise<void> {
  await insertMany(
    sql,
    dialect,
    {
      table: 'effects',
      columns: {
        effect_id: 'text',
        room_id: 'text',
        type: 'text',
        payload: 'json',
        due_at: 'double precision',
        attempts: 'integer',
        leased_until: 'double precision',
      },
    },
    effects.map((effect) => ({
      effect_id: effect.effectId,
      room_id: effect.roomId,
      type: effect.type,
      payload: effect.payload,
      due_at: effect.dueAt,
      attempts: 0,
      leased_until: 0,
    })),
    `on conflict do nothing`,
  )
}

export async function insertIgnored(
  sql: Transaction['sql'],
  dialect: Dialect,
  records: readonly IgnoredRecord[],
): Promise<void> {
  await insertMany(
    sql,
    dialect,
    {
      table: 'ignored_reports',
      columns: {
        at: 'double precision',
        reason: 'text',
        event: 'text',
        room_id: 'text',
        call_id: 'text',
        identity: 'text',
      },
    },
    records.map((record) => ({
      at: record.at,
      reason: record.reason,
      event: record.event,
      room_id: record.roomId,
      call_id: record.callId,
      identity: record.identity?.slice(0, 255) ?? null,
    })),
  )
}
