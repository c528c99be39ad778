/** What only one process does at a time, by the database's own clock. */
import type { Database } from '../database.ts'
import type { LeaseStore } from '../store.ts'

export function createLeaseStore({ dialect, write }: Database): LeaseStore {
  const now = dialect.nowSql
  return {
    hold: (name, holder, forMs) =>
      write(async ({ sql }) => {
        const held = await sql(
          `insert into leases (name, holder, held_until) values (?, ?, ${now} + ?)
           on conflict (name) do update set holder = excluded.holder, held_until = excluded.held_until
             where leases.holder = excluded.holder or leases.held_until < ${now}
               or leases.held_until > ${now} + ?
           returning name`,
          // Longer than anybody asked for: the clock was set back meanwhile (R53).
          [name, holder, forMs, 2 * forMs],
        )
        return held.length > 0
      }),

    async release(name, holder) {
      await write(({ sql }) =>
        sql(`delete from leases where name = ? and holder = ?`, [name, holder]),
      )
    },
  }
}
