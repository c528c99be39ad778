/**
 * The first schema on PostgreSQL. Times are epoch milliseconds in `double precision`, which holds
 * them exactly and comes back as a number; JSON lies in `text`, to the letter.
 */
import { Migration } from '@mikro-orm/migrations'

export class FirstSchema extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement)
  }
}

const statements = [
  `create table settings (name text primary key, value text not null)`,

  `create table users (
    id text primary key,
    login text not null unique,
    display_name text not null,
    search_text text not null,
    admin boolean not null,
    password_hash text,
    created_at double precision not null,
    deleted_at double precision
  )`,

  `create table sessions (
    token_hash text primary key,
    session_id text not null,
    user_id text not null references users (id),
    created_at double precision not null,
    expires_at double precision not null,
    ended_at double precision
  )`,
  `create index sessions_user on sessions (user_id)`,
  `create index sessions_ended on sessions (ended_at) where ended_at is not null`,
  `create index sessions_expire on sessions (expires_at)`,

  `create table rooms (
    room_id text primary key,
    name text not null,
    kind text not null,
    visibility text not null,
    owner_id text,
    dm_key text unique,
    created_at double precision not null,
    deleted_at double precision,
    version integer not null,
    seq integer not null,
    last_at double precision not null,
    changed_at double precision not null
  )`,
  `create index rooms_changed on rooms (changed_at)`,

  `create table members (
    room_id text not null references rooms (room_id),
    user_id text not null,
    joined_at double precision not null,
    primary key (room_id, user_id)
  )`,
  `create index members_user on members (user_id)`,

  // I7: a number in a room's log is never used twice.
  `create table facts (
    room_id text not null references rooms (room_id),
    seq integer not null,
    type text not null,
    fact text not null,
    primary key (room_id, seq)
  )`,

  `create table calls (
    call_id text primary key,
    room_id text not null references rooms (room_id),
    step integer not null,
    envelope text not null,
    started_at double precision not null,
    started_by text not null,
    ended_at double precision,
    end_reason text,
    due_at double precision
  ) with (fillfactor = 70)`,
  // I1: the database itself refuses a second active call of a room.
  `create unique index calls_one_active on calls (room_id) where ended_at is null`,

  `create table steps (
    call_id text not null references calls (call_id),
    step integer not null,
    room_id text not null,
    event text not null,
    source text not null,
    at double precision not null,
    state text not null,
    detail text not null,
    definition_hash text not null,
    first_seq integer,
    last_seq integer,
    primary key (call_id, step)
  )`,
  `create table charts (
    definition_hash text primary key,
    machine_id text not null,
    chart text not null
  )`,

  // The key and what is kept of it are apart, so that a shred deletes the whole row (R42).
  `create table call_keys (
    call_id text not null references calls (call_id),
    key_epoch integer not null,
    sealed_key text not null,
    created_at double precision not null,
    primary key (call_id, key_epoch)
  )`,
  `create table key_receipts (
    call_id text not null references calls (call_id),
    key_epoch integer not null,
    minted_at double precision not null,
    shredded_at double precision,
    primary key (call_id, key_epoch)
  )`,

  `create table receipts (
    room_id text not null,
    receipt_key text not null,
    at double precision not null,
    result text not null,
    primary key (room_id, receipt_key)
  )`,
  `create index receipts_at on receipts (at)`,

  `create table effects (
    effect_id text primary key,
    room_id text,
    type text not null,
    payload text not null,
    due_at double precision not null,
    attempts integer not null,
    leased_until double precision not null
  )`,
  `create index effects_due on effects (due_at)`,

  // Who does what only one process may do at a time.
  `create table leases (
    name text primary key,
    holder text not null,
    held_until double precision not null
  )`,

  `create table ignored_reports (
    id text primary key,
    at double precision not null,
    reason text not null,
    event text not null,
    room_id text,
    call_id text,
    identity text
  )`,
]
