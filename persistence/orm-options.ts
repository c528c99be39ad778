/** What MikroORM is told on both databases. */
import type { MigrationObject, Options } from '@mikro-orm/core'
import { Migrator } from '@mikro-orm/migrations'
import { SessionEntity, UserEntity } from './entities/accounts.ts'
import {
  CallConnectionEntity,
  CallEntity,
  CallKeyEntity,
  CallPersonEntity,
  ChartEntity,
  KeyReceiptEntity,
  StepEntity,
} from './entities/calls.ts'
import { EffectEntity, IgnoredReportEntity } from './entities/effects.ts'
import { FactEntity, MemberEntity, ReceiptEntity, RoomEntity } from './entities/rooms.ts'
import { SettingEntity } from './entities/settings.ts'

const entities = [
  UserEntity,
  SessionEntity,
  RoomEntity,
  MemberEntity,
  FactEntity,
  ReceiptEntity,
  CallEntity,
  CallConnectionEntity,
  CallPersonEntity,
  StepEntity,
  CallKeyEntity,
  KeyReceiptEntity,
  ChartEntity,
  EffectEntity,
  IgnoredReportEntity,
  SettingEntity,
]

export function ormOptions(migrationsList: MigrationObject[]) {
  return {
    entities,
    extensions: [Migrator],
    migrations: { migrationsList, snapshot: false, transactional: true, silent: true },
    discovery: { disableDynamicFileAccess: true },
    // Nothing that is queried may reach a log: parameters hold sealed keys and password hashes.
    debug: false,
    allowGlobalContext: false,
  } satisfies Options
}

/** What Knex is told on both databases. */
export const knexOptions = {
  /** Errors carry the statement with its question marks, not with what was written. */
  compileSqlOnError: false,
  /** A connection that cannot be had in this time is a failure, not a longer wait. */
  acquireConnectionTimeout: 15_000,
  /** Knex would write of lost connections to the console; whoever asked gets the error. */
  log: { warn() {}, error() {}, debug() {}, deprecate() {} },
}
