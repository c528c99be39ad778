/**
 * The first schema, the same on both databases: `double precision` holds epoch milliseconds exactly
 * and comes back as a number from both drivers, JSON lies in `text`.
 */
import { Migration } from '@mikro-orm/migrations'

export class Migration0001First extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement)
  }
}

const statements = [
  `create table settings (name varchar(64) primary key, value text not null)`,

  `create table users (
    id varchar(64) primary key,
    login varchar(128) not null unique,
    display_name text not null,
    admin boolean not null,
    password_hash text,
    created_at double precision not null,
    deleted_at double precision
  )`,

  `create table sessions (
    token_hash varchar(64) primary key,
    session_id varchar(64) not null,
    user_id varchar(64) not null references users (id),
    created_at double precision not null,
    expires_at double precision not null,
    ended_at double precision
  )`,
  `create index sessions_user on sessions (user_id)`,
  `create index sessions_ended on sessions (ended_at)`,

  `create table rooms (
    room_id varchar(64) primary key,
    name text not null,
    kind varchar(8) not null,
    visibility varchar(8) not null,
    owner_id varchar(64),
    dm_key varchar(160) unique,
    created_at double precision not null,
    deleted_at double precision,
    version integer not null,
    seq integer not null,
    last_at double precision not null,
    changed_at double precision not null
  )`,
  `create index rooms_changed on rooms (changed_at)`,

  `create table members (
    room_id varchar(64) not null references rooms (room_id),
    user_id varchar(64) not null,
    joined_at double precision not null,
    primary key (room_id, user_id)
  )`,
  `create index members_user on members (user_id)`,

  `create table facts (
    room_id varchar(64) not null references rooms (room_id),
    seq integer not null,
    type varchar(32) not null,
    fact text not null,
    primary key (room_id, seq)
  )`,

  `create table calls (
    call_id varchar(64) primary key,
    room_id varchar(64) not null references rooms (room_id),
    step integer not null,
    envelope text not null,
    started_at double precision not null,
    started_by varchar(64) not null,
    ended_at double precision,
    end_reason varchar(32),
    due_at double precision
  )`,
  // I1: the database itself refuses a second active call of a room.
  `create unique index calls_one_active on calls (room_id) where ended_at is null`,

  `create table steps (
    call_id varchar(64) not null references calls (call_id),
    step integer not null,
    room_id varchar(64) not null,
    event varchar(64) not null,
    source varchar(16) not null,
    at double precision not null,
    state varchar(16) not null,
    detail text not null,
    definition_hash varchar(64) not null,
    first_seq integer,
    last_seq integer,
    primary key (call_id, step)
  )`,
  `create table charts (
    definition_hash varchar(64) primary key,
    machine_id varchar(32) not null,
    chart text not null
  )`,

  // The key and what is kept of it are apart, so that a shred deletes the whole row (R42).
  `create table call_keys (
    call_id varchar(64) not null,
    key_epoch integer not null,
    sealed_key text not null,
    created_at double precision not null,
    primary key (call_id, key_epoch)
  )`,
  `create table key_receipts (
    call_id varchar(64) not null,
    key_epoch integer not null,
    minted_at double precision not null,
    shredded_at double precision,
    primary key (call_id, key_epoch)
  )`,

  `create table receipts (
    room_id varchar(64) not null,
    receipt_key varchar(200) not null,
    at double precision not null,
    result text not null,
    primary key (room_id, receipt_key)
  )`,
  `create index receipts_at on receipts (at)`,

  `create table effects (
    effect_id varchar(255) primary key,
    room_id varchar(64),
    type varchar(64) not null,
    payload text not null,
    due_at double precision not null,
    attempts integer not null,
    leased_until double precision not null
  )`,
  `create index effects_due on effects (due_at)`,

  `create table ignored_reports (
    at double precision not null,
    reason varchar(32) not null,
    event varchar(64) not null,
    room_id varchar(64),
    call_id varchar(64),
    identity varchar(255)
  )`,
  `create index ignored_reports_at on ignored_reports (at)`,
]
