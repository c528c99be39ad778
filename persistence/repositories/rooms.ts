/** Rooms, their members and their logs. */
import type { Database, Sql } from '../database.ts'
import { MemberEntity, RoomEntity } from '../entities/rooms.ts'
import { timelineTypes, type LogFact } from '../../machines/room.facts.ts'
import type {
  ActiveCall,
  LoadedRoom,
  MemberRecord,
  RoomRecord,
  RoomStore,
  RoomSummary,
  UserRecord,
} from '../store.ts'
import { commitRooms } from './commit-rooms.ts'
import { userColumns, toUser, type UserColumns } from './user-rows.ts'

/** Commits of other processes may become visible this much after the time that they carry. */
const clockMarginMs = 5_000

interface RoomColumns {
  room_id: string
  name: string
  kind: RoomRecord['kind']
  visibility: RoomRecord['visibility']
  owner_id: string | null
  dm_key: string | null
  created_at: number
  deleted_at: number | null
  version: number
  seq: number
  last_at: number
}

interface SummaryColumns extends RoomColumns {
  member_count: number | string
  call_id: string | null
  step: number | null
  envelope: string | null
}

const summarySelect = `select r.*, c.call_id, c.step, c.envelope,
    (select count(*) from members n where n.room_id = r.room_id) as member_count
  from rooms r left join calls c on c.room_id = r.room_id and c.ended_at is null`

export function createRoomStore(database: Database): RoomStore {
  const { sql, dialect } = database

  return {
    async create(room, members) {
      try {
        await database.write(async ({ em, sql }) => {
          const [now] = await sql<{ at: number }>(`select ${dialect.nowSql} as at`)
          em.create(RoomEntity, {
            ...room,
            deletedAt: null,
            version: 0,
            seq: 0,
            lastAt: room.createdAt,
            changedAt: now?.at ?? 0,
          })
          await em.flush()
          for (const userId of members) {
            em.create(MemberEntity, { roomId: room.roomId, userId, joinedAt: room.createdAt })
          }
        })
        return 'committed'
      } catch (error) {
        if (room.dmKey !== null && (await findOne(sql, 'r.dm_key = ?', room.dmKey))) {
          return 'conflict'
        }
        throw error
      }
    },

    load: (roomId, receiptsSince) =>
      database.readTogether((read) => loadRoom(read, roomId, receiptsSince)),

    commit: (batch) => commitRooms(database, batch),

    find: (roomId) => findOne(sql, 'r.room_id = ?', roomId),
    findDm: (dmKey) => findOne(sql, 'r.dm_key = ?', dmKey),

    async listOf(userId) {
      const rows = await sql<SummaryColumns>(
        `${summarySelect} join members m on m.room_id = r.room_id and m.user_id = ?
         where r.deleted_at is null order by r.room_id`,
        [userId],
      )
      return rows.map(toSummary)
    },

    async listPublic(userId) {
      const rows = await sql<SummaryColumns>(
        `${summarySelect} where r.deleted_at is null and r.kind = 'room' and r.visibility = 'public'
         and not exists (select 1 from members m where m.room_id = r.room_id and m.user_id = ?)
         order by r.room_id`,
        [userId],
      )
      return rows.map(toSummary)
    },

    async members(roomId): Promise<UserRecord[]> {
      const rows = await sql<UserColumns>(
        `select ${userColumns} from members m join users u on u.id = m.user_id
         where m.room_id = ? order by m.joined_at, u.id`,
        [roomId],
      )
      return rows.map(toUser)
    },

    async isMember(roomId, userId) {
      const rows = await sql(`select 1 as one from members where room_id = ? and user_id = ?`, [
        roomId,
        userId,
      ])
      return rows.length > 0
    },

    async roomIdsOf(userIds) {
      const rooms = new Map<string, string[]>(userIds.map((userId) => [userId, []]))
      if (userIds.length === 0) return rooms
      const rows = await sql<{ user_id: string; room_id: string }>(
        `select m.user_id, m.room_id from members m join rooms r on r.room_id = m.room_id
         where r.deleted_at is null and m.user_id in (${userIds.map(() => '?').join(', ')})`,
        userIds,
      )
      for (const { user_id, room_id } of rows) rooms.get(user_id)?.push(room_id)
      return rooms
    },

    async factsAfter(roomId, after, limit) {
      const rows = await sql<{ fact: string }>(
        `select fact from facts where room_id = ? and seq > ? order by seq limit ?`,
        [roomId, after, limit],
      )
      return rows.map(toFact)
    },

    async timeline(roomId, before, limit) {
      const rows = await sql<{ fact: string }>(
        `select fact from facts where room_id = ? and seq < ?
         and type in (${timelineTypes.map((type) => `'${type}'`).join(', ')})
         order by seq desc limit ?`,
        [roomId, before ?? 2 ** 31 - 1, limit],
      )
      return rows.map(toFact).reverse()
    },

    async fact(roomId, seq) {
      const [row] = await sql<{ fact: string }>(
        `select fact from facts where room_id = ? and seq = ?`,
        [roomId, seq],
      )
      return row && toFact(row)
    },

    async changedSince(at) {
      const rows = await sql<{ room_id: string; version: number; seq: number }>(
        `select room_id, version, seq from rooms where changed_at >= ?`,
        [at - clockMarginMs],
      )
      return rows.map(({ room_id, version, seq }) => ({ roomId: room_id, version, seq }))
    },

    async now() {
      const [row] = await sql<{ at: number }>(`select ${dialect.nowSql} as at`)
      return row?.at ?? 0
    },
  }
}

/** One state of the room, whatever is committed meanwhile. */
async function loadRoom(
  sql: Sql,
  roomId: string,
  receiptsSince: number,
): Promise<LoadedRoom | undefined> {
  const [row] = await sql<RoomColumns>(`select * from rooms where room_id = ?`, [roomId])
  if (!row) return undefined
  const members = await sql<{ user_id: string; joined_at: number }>(
    `select user_id, joined_at from members where room_id = ? order by joined_at, user_id`,
    [roomId],
  )
  const [call] = await sql<{ call_id: string; step: number; envelope: string }>(
    `select call_id, step, envelope from calls where room_id = ? and ended_at is null`,
    [roomId],
  )
  const receipts = await sql<{ receipt_key: string; at: number; result: string }>(
    `select receipt_key, at, result from receipts where room_id = ? and at >= ?`,
    [roomId, receiptsSince],
  )
  return {
    room: toRoom(row),
    members: members.map(
      ({ user_id, joined_at }): MemberRecord => ({ userId: user_id, joinedAt: joined_at }),
    ),
    call: call ? toCall(call) : null,
    receipts: receipts.map(({ receipt_key, at, result }) => ({
      key: receipt_key,
      at,
      result: (JSON.parse(result) as { result: unknown }).result,
    })),
  }
}

async function findOne(sql: Sql, where: string, value: string): Promise<RoomSummary | undefined> {
  const [row] = await sql<SummaryColumns>(`${summarySelect} where ${where}`, [value])
  return row && toSummary(row)
}

function toRoom(row: RoomColumns): RoomRecord {
  return {
    roomId: row.room_id,
    name: row.name,
    kind: row.kind,
    visibility: row.visibility,
    ownerId: row.owner_id,
    dmKey: row.dm_key,
    createdAt: row.created_at,
    deletedAt: row.deleted_at,
    version: row.version,
    seq: row.seq,
    lastAt: row.last_at,
  }
}

function toSummary(row: SummaryColumns): RoomSummary {
  const { call_id, step, envelope } = row
  return {
    room: toRoom(row),
    memberCount: Number(row.member_count),
    call:
      call_id !== null && step !== null && envelope !== null
        ? toCall({ call_id, step, envelope })
        : null,
  }
}

function toCall(row: { call_id: string; step: number; envelope: string }): ActiveCall {
  return {
    callId: row.call_id,
    step: row.step,
    envelope: JSON.parse(row.envelope) as ActiveCall['envelope'],
  }
}

function toFact(row: { fact: string }): LogFact {
  return JSON.parse(row.fact) as LogFact
}
