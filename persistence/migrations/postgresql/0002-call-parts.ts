/** A call's connections and people in rows of their own: an event writes what it changed (R51, ADR 19). */
import { Migration } from '@mikro-orm/migrations'

export class CallParts extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement)
  }
}

const statements = [
  `create table call_connections (
    call_id text not null references calls (call_id),
    identity text not null,
    connection text not null,
    primary key (call_id, identity)
  )`,
  `create table call_people (
    call_id text not null references calls (call_id),
    user_id text not null,
    place integer not null,
    person text not null,
    primary key (call_id, user_id)
  )`,
]
