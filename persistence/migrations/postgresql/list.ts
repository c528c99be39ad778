/** All migrations, oldest first. A released one is never changed: what comes later is a new one. */
import { FirstSchema } from './0001-first.ts'
import { CallParts } from './0002-call-parts.ts'

export const postgresMigrations = [
  { name: '0001-first', class: FirstSchema },
  { name: '0002-call-parts', class: CallParts },
]
