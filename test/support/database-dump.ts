/** Every row of every table of a SQLite database, read by a connection of its own. */
import sqlite3 from 'sqlite3'

/** What moves by itself: effects that wait for a LiveKit that is away are tried again and again. */
const moves: Readonly<Record<string, string[]>> = {
  effects: ['due_at', 'attempts', 'leased_until'],
  leases: ['held_until'],
}

export async function dumpDatabase(path: string): Promise<string> {
  const database = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened: sqlite3.Database = new sqlite3.Database(path, sqlite3.OPEN_READONLY, (error) =>
      error ? reject(error) : resolve(opened),
    )
  })
  const all = (query: string) =>
    new Promise<Record<string, unknown>[]>((resolve, reject) => {
      database.all(query, (error: Error | null, rows: Record<string, unknown>[]) =>
        error ? reject(error) : resolve(rows),
      )
    })
  try {
    const lines: string[] = []
    for (const { name } of await all(
      `select name from sqlite_master where type = 'table' order by name`,
    )) {
      const table = String(name)
      const left = moves[table] ?? []
      const rows = await all(`select * from "${table}"`)
      const kept = rows.map((row) =>
        JSON.stringify(
          Object.fromEntries(Object.entries(row).filter(([key]) => !left.includes(key))),
        ),
      )
      lines.push(`-- ${table}: ${rows.length}`, ...kept.toSorted())
    }
    return lines.join('\n')
  } finally {
    await new Promise<void>((resolve) => database.close(() => resolve()))
  }
}
