/** Rooms, their members and their logs. */
import type { Database } from '../database.ts'
import { MemberEntity } from '../entities/rooms.ts'
import { timelineTypes, type LogFact } from '../../machines/room.facts.ts'
import type {
  ActiveCall,
  CallSummary,
  LoadedRoom,
  MemberRecord,
  RoomNeeds,
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

interface CallColumns {
  call_id: string | null
  envelope: string | null
  person_rows: string
}

interface SummaryColumns extends RoomColumns, CallColumns {
  /** PostgreSQL counts in a type that JavaScript's numbers do not hold. */
  member_count: number | string
}

interface LoadedColumns extends RoomColumns, CallColumns {
  step: number | null
  connection_rows: string
  member_rows: string
  receipt_rows: string
  heir: string | null
}

/** What PostgreSQL's `integer` holds. */
const highestSeq = 2 ** 31 - 1

export function createRoomStore(database: Database): RoomStore {
  const { sql, dialect } = database
  const summarySelect = `select r.*, c.call_id, c.envelope,
      (select ${dialect.jsonOfRows(['user_id', 'place', 'person'])} from call_people
       where call_id = c.call_id and person <> 'null') as person_rows,
      (select count(*) from members n where n.room_id = r.room_id) as member_count
    from rooms r left join calls c on c.room_id = r.room_id and c.ended_at is null`

  async function findOne(where: string, value: string): Promise<RoomSummary | undefined> {
    const [row] = await sql<SummaryColumns>(`${summarySelect} where ${where}`, [value])
    return row && toSummary(row)
  }

  return {
    async create(room, members) {
      const { roomId, createdAt } = room
      const isNew = await database.write(async ({ sql, insert }) => {
        const made = await sql(
          `insert into rooms (room_id, name, kind, visibility, owner_id, dm_key, created_at,
             version, seq, last_at, changed_at)
           values (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ${dialect.nowSql})
           on conflict (dm_key) do nothing returning room_id`,
          [
            roomId,
            room.name,
            room.kind,
            room.visibility,
            room.ownerId,
            room.dmKey,
            createdAt,
            createdAt,
          ],
        )
        if (made.length === 0) return false
        const people = new Set(room.ownerId === null ? members : [room.ownerId, ...members])
        await insert(
          MemberEntity,
          [...people].map((userId) => ({ roomId, userId, joinedAt: createdAt })),
        )
        return true
      })
      return isNew ? 'committed' : 'conflict'
    },

    load: (roomId, needs, knownVersion = -1) => loadRoom(database, roomId, needs, knownVersion),

    commit: (batch) => commitRooms(database, batch),

    find: (roomId) => findOne('r.room_id = ?', roomId),
    findDm: (dmKey) => findOne('r.dm_key = ?', dmKey),

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
        [roomId, Math.min(before ?? highestSeq, highestSeq), limit],
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

    async latestAt() {
      const [row] = await sql<{ at: number | null }>(`select max(last_at) as at from rooms`)
      return row?.at ?? 0
    },

    async now() {
      const [row] = await sql<{ at: number }>(`select ${dialect.nowSql} as at`)
      return row?.at ?? 0
    },
  }
}

/** By one statement, so that it is one state of the room, whatever is committed meanwhile. */
async function loadRoom(
  { sql, dialect }: Database,
  roomId: string,
  { members = [], receipts = [], heirOf, receiptsSince = 0 }: RoomNeeds,
  knownVersion: number,
): Promise<LoadedRoom | undefined> {
  const heir =
    heirOf === undefined
      ? 'null'
      : `(select user_id from members where room_id = r.room_id and user_id <> ?
          order by joined_at, user_id limit 1)`
  const [row] = await sql<LoadedColumns>(
    `select r.*, c.call_id, c.step, c.envelope,
       (select ${dialect.jsonOfRows(['identity', 'connection'])} from call_connections
        where call_id = c.call_id) as connection_rows,
       (select ${dialect.jsonOfRows(['user_id', 'place', 'person'])} from call_people
        where call_id = c.call_id) as person_rows,
       (select ${dialect.jsonOfRows(['user_id', 'joined_at'])} from members
        where room_id = r.room_id and user_id in ${dialect.textsFromJson}) as member_rows,
       (select ${dialect.jsonOfRows(['receipt_key', 'at', 'result'])} from receipts
        where room_id = r.room_id and receipt_key in ${dialect.textsFromJson}
          and at >= ?) as receipt_rows,
       ${heir} as heir
     from rooms r
     left join calls c on c.room_id = r.room_id and c.ended_at is null and r.version <> ?
     where r.room_id = ?`,
    [
      JSON.stringify(members),
      JSON.stringify(receipts),
      receiptsSince,
      ...(heirOf === undefined ? [] : [heirOf]),
      knownVersion,
      roomId,
    ],
  )
  if (!row) return undefined
  const memberRows = JSON.parse(row.member_rows) as [userId: string, joinedAt: number][]
  const receiptRows = JSON.parse(row.receipt_rows) as [key: string, at: number, result: string][]
  return {
    room: toRoom(row),
    members: memberRows.map(([userId, joinedAt]): MemberRecord => ({ userId, joinedAt })),
    heir: row.heir,
    isAsKnown: row.version === knownVersion,
    call: toCall(row),
    receipts: receiptRows.map(([key, at, result]) => ({
      key,
      at,
      result: JSON.parse(result) as unknown,
    })),
  }
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
  return { room: toRoom(row), memberCount: Number(row.member_count), call: toCallSummary(row) }
}

function toCallSummary({ call_id, envelope, person_rows }: CallColumns): CallSummary | null {
  if (call_id === null || envelope === null) return null
  const people = JSON.parse(person_rows) as [userId: string, place: number, person: string][]
  return {
    callId: call_id,
    envelope: JSON.parse(envelope) as ActiveCall['envelope'],
    people: people
      .map(([userId, place, person]) => ({ userId, place, person: JSON.parse(person) as unknown }))
      .sort((a, b) => a.place - b.place),
  }
}

function toCall(row: LoadedColumns): ActiveCall | null {
  const summary = toCallSummary(row)
  if (!summary) return null
  const connections = JSON.parse(row.connection_rows) as [identity: string, connection: string][]
  return {
    ...summary,
    step: row.step ?? 0,
    connections: connections.map(([identity, connection]) => ({
      identity,
      connection: JSON.parse(connection) as unknown,
    })),
  }
}

function toFact(row: { fact: string }): LogFact {
  return JSON.parse(row.fact) as LogFact
}
