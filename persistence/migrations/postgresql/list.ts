/** All migrations, oldest first. A released one is never changed: what comes later is a new one. */
import { FirstSchema } from './0001-first.ts'

export const postgresMigrations = [{ name: '0001-first', class: FirstSchema }]
