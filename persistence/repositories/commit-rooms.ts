/** Writes many rooms' commits in one transaction: the group commit's one statement per table. */
import { toJson } from '../bulk.ts'
import type { Database, Transaction } from '../database.ts'
import { isWorthRetrying } from '../database-errors.ts'
import type { Dialect } from '../dialect.ts'
import {
  CallConnectionEntity,
  CallEntity,
  CallPersonEntity,
  StepEntity,
} from '../entities/calls.ts'
import { FactEntity, MemberEntity, ReceiptEntity } from '../entities/rooms.ts'
import { receiptLifeMs, type CommitOutcome, type RoomCommit } from '../store.ts'
import { insertEffects, insertIgnored } from './after-commit.ts'
import { writeKeys } from './call-keys.ts'

/** Rooms that were found in conflict within a transaction, which is then rolled back. */
class ConflictsFound extends Error {
  readonly roomIds: ReadonlySet<string>

  constructor(roomIds: ReadonlySet<string>) {
    super('some rooms were committed by somebody else')
    this.roomIds = roomIds
  }
}

const maxRetries = 3

/** Rooms in conflict are left out and the others written; rejects when nothing was committed. */
export async function commitRooms(
  database: Database,
  batch: RoomCommit[],
): Promise<CommitOutcome[]> {
  const writing = new Map<string, RoomCommit>()
  // Two commits of one room cannot both be right about its version: the first one is tried.
  for (const commit of batch) if (!writing.has(commit.roomId)) writing.set(commit.roomId, commit)
  let retries = 0
  while (writing.size > 0) {
    const rest = [...writing.values()]
    try {
      await database.write((transaction) => writeAll(database.dialect, transaction, rest))
      break
    } catch (error) {
      if (error instanceof ConflictsFound) error.roomIds.forEach((id) => writing.delete(id))
      else if (isWorthRetrying(error) && retries < maxRetries) retries += 1
      else throw error
    }
  }
  return batch.map((commit) => (writing.get(commit.roomId) === commit ? 'committed' : 'conflict'))
}

async function writeAll(
  dialect: Dialect,
  transaction: Transaction,
  batch: RoomCommit[],
): Promise<void> {
  await moveVersions(dialect, transaction, batch)
  await writeReceipts(transaction, batch)
  await transaction.insert(
    FactEntity,
    batch.flatMap(({ roomId, facts }) =>
      facts.map((fact) => ({ roomId, seq: fact.seq, type: fact.type, fact })),
    ),
  )
  await changeRooms(transaction, batch)
  await writeMembers(dialect, transaction, batch)
  await writeCalls(dialect, transaction, batch)
  await transaction.insert(
    StepEntity,
    batch.flatMap((commit) => commit.steps),
  )
  await writeKeys(dialect, transaction, batch)
  await insertIgnored(
    transaction,
    batch.flatMap((commit) => commit.ignored),
  )
  // Last, because they are shared between rooms: nobody waits for us while we wait for them.
  await insertEffects(
    transaction,
    batch.flatMap((commit) => commit.effects),
  )
}

/** The version is checked and moved by the same statement; who is not given back had moved already. */
async function moveVersions(
  dialect: Dialect,
  { sql }: Transaction,
  batch: RoomCommit[],
): Promise<void> {
  const source = dialect.rowsLockingRooms({
    roomId: 'text',
    expectedVersion: 'integer',
    newVersion: 'integer',
    seq: 'integer',
    lastAt: 'double precision',
  })
  const moved = await sql<{ room_id: string }>(
    `update rooms set version = x."newVersion", seq = x.seq, last_at = x."lastAt",
       changed_at = ${dialect.nowSql}
     from ${source} where rooms.room_id = x."roomId" and rooms.version = x."expectedVersion"
     returning rooms.room_id as room_id`,
    [
      toJson(
        batch.map(({ roomId, expectedVersion, newVersion, seq, lastAt }) => ({
          roomId,
          expectedVersion,
          newVersion,
          seq,
          lastAt,
        })),
      ),
    ],
  )
  throwConflicts(batch, new Set(moved.map((row) => row.room_id)))
}

/**
 * A receipt that is there already means that the same request was committed before (R23). One whose
 * life is over, but which nobody trimmed yet, gives way.
 */
async function writeReceipts(transaction: Transaction, batch: RoomCommit[]): Promise<void> {
  const rows = batch.flatMap(({ roomId, receipts }) =>
    receipts.map(({ key, at, result }) => ({ roomId, receiptKey: key, at, result })),
  )
  const written = await transaction.insert<
    (typeof rows)[number],
    { room_id: string; receipt_key: string }
  >(
    ReceiptEntity,
    rows,
    `on conflict (room_id, receipt_key) do update set at = excluded.at, result = excluded.result
     where receipts.at < excluded.at - ${receiptLifeMs} returning room_id, receipt_key`,
  )
  if (written.length === rows.length) return
  const there = new Set(written.map((row) => JSON.stringify([row.room_id, row.receipt_key])))
  const complete = batch.filter(({ roomId, receipts }) =>
    receipts.every(({ key }) => there.has(JSON.stringify([roomId, key]))),
  )
  throwConflicts(batch, new Set(complete.map((commit) => commit.roomId)))
}

function throwConflicts(batch: RoomCommit[], fine: ReadonlySet<string>): void {
  const conflicts = batch.map((commit) => commit.roomId).filter((roomId) => !fine.has(roomId))
  if (conflicts.length > 0) throw new ConflictsFound(new Set(conflicts))
}

const roomColumns = {
  name: 'name',
  visibility: 'visibility',
  ownerId: 'owner_id',
  deletedAt: 'deleted_at',
} as const

/** Rare: a room that is renamed, handed over or deleted. */
async function changeRooms({ sql }: Transaction, batch: RoomCommit[]): Promise<void> {
  for (const { roomId, room } of batch) {
    if (!room) continue
    for (const key of Object.keys(roomColumns) as (keyof typeof roomColumns)[]) {
      if (room[key] === undefined) continue
      await sql(`update rooms set ${roomColumns[key]} = ? where room_id = ?`, [room[key], roomId])
    }
  }
}

async function writeMembers(
  dialect: Dialect,
  transaction: Transaction,
  batch: RoomCommit[],
): Promise<void> {
  const removed = batch.flatMap(({ roomId, membersRemoved }) =>
    membersRemoved.map((userId) => ({ roomId, userId })),
  )
  if (removed.length > 0) {
    const source = dialect.rowsFromJson({ roomId: 'text', userId: 'text' })
    await transaction.sql(
      `delete from members where (room_id, user_id) in (select x."roomId", x."userId" from ${source})`,
      [toJson(removed)],
    )
  }
  await transaction.insert(
    MemberEntity,
    batch.flatMap(({ roomId, membersAdded }) =>
      membersAdded.map(({ userId, joinedAt }) => ({ roomId, userId, joinedAt })),
    ),
  )
}

/** Ended calls first: a room has at most one active call at any time (I1). */
async function writeCalls(
  dialect: Dialect,
  transaction: Transaction,
  batch: RoomCommit[],
): Promise<void> {
  const takeNewest = `on conflict (call_id) do update set step = excluded.step,
    envelope = excluded.envelope, ended_at = excluded.ended_at,
    end_reason = excluded.end_reason, due_at = excluded.due_at`
  const ended = batch.flatMap(({ roomId, endedCalls }) => endedCalls.map(withoutParts(roomId)))
  const going = batch.flatMap(({ roomId, call }) => (call ? [{ roomId, call }] : []))
  await transaction.insert(CallEntity, ended, takeNewest)
  await transaction.insert(
    CallEntity,
    going.map(({ roomId, call }) => withoutParts(roomId)(call)),
    takeNewest,
  )
  const calls = going.map(({ call }) => call)
  await writeConnections(dialect, transaction, calls)
  await transaction.insert(
    CallPersonEntity,
    calls.flatMap(({ callId, people }) => people.map((person) => ({ callId, ...person }))),
    `on conflict (call_id, user_id) do update set person = excluded.person`,
  )
  if (ended.length === 0) return
  const ids = JSON.stringify(ended.map(({ callId }) => callId))
  for (const table of ['call_connections', 'call_people']) {
    await transaction.sql(`delete from ${table} where call_id in ${dialect.textsFromJson}`, [ids])
  }
}

type CallRow = NonNullable<RoomCommit['call']>

const withoutParts =
  (roomId: string) =>
  ({ connections: _connections, people: _people, ...row }: CallRow) => ({ ...row, roomId })

async function writeConnections(
  dialect: Dialect,
  transaction: Transaction,
  calls: readonly CallRow[],
): Promise<void> {
  const rows = calls.flatMap(({ callId, connections }) =>
    Object.entries(connections).map(([identity, connection]) => ({ callId, identity, connection })),
  )
  await transaction.insert(
    CallConnectionEntity,
    rows.filter(({ connection }) => connection !== null),
    `on conflict (call_id, identity) do update set connection = excluded.connection`,
  )
  const forgotten = rows.filter(({ connection }) => connection === null)
  if (forgotten.length === 0) return
  const source = dialect.rowsFromJson({ callId: 'text', identity: 'text' })
  await transaction.sql(
    `delete from call_connections
     where (call_id, identity) in (select x."callId", x.identity from ${source})`,
    [toJson(forgotten.map(({ callId, identity }) => ({ callId, identity })))],
  )
}
