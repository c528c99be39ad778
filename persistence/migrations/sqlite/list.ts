/** All migrations, oldest first. A released one is never changed: what comes later is a new one. */
import { FirstSchema } from './0001-first.ts'

export const sqliteMigrations = [{ name: '0001-first', class: FirstSchema }]
