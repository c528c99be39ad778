/** SQLite's statements prepared once: preparing one takes longer than running it (ADR 0012). */

/** What is used of a connection of `sqlite3`. */
export interface SqliteDriverConnection {
  all(sql: string, params: unknown, done: Done): unknown
  exec(sql: string, done: (error: Error | null) => void): unknown
  prepare(sql: string, done: (error: Error | null) => void): SqliteStatement
  close(done?: (error: Error | null) => void): void
}

interface SqliteStatement {
  all(params: unknown, done: Done): unknown
  reset(done: () => void): unknown
  finalize(): unknown
}

type Done = (error: Error | null, rows: unknown[]) => void

/** Beyond so many, statements are prepared at each use as before. */
const maxStatements = 200

/** From its second use on a statement is kept prepared, whoever runs it. */
export function keepStatements(driver: SqliteDriverConnection): void {
  const kept = new Map<string, SqliteStatement>()
  const uses = new Map<string, 'one' | 'more'>()
  let isClosing = false
  const prepareAndRun = driver.all.bind(driver)
  const close = driver.close.bind(driver)

  function note(sql: string): void {
    const used = uses.get(sql)
    if (used === undefined && uses.size < maxStatements) uses.set(sql, 'one')
    if (used !== 'one') return
    uses.set(sql, 'more')
    const statement = driver.prepare(sql, (error) => {
      // What cannot be prepared any more tells whoever runs it.
      if (error) return
      if (isClosing) statement.finalize()
      else kept.set(sql, statement)
    })
  }

  driver.all = (sql, params, done) => {
    const statement = kept.get(sql)
    if (!statement) {
      note(sql)
      return prepareAndRun(sql, params, done)
    }
    return statement.all(params, (error, rows) => {
      // One that found the database locked would hold on to what it has read.
      if (error) statement.reset(() => done(error, rows))
      else done(null, rows)
    })
  }
  driver.close = (done) => {
    // SQLite does not close a file that has statements.
    isClosing = true
    for (const statement of kept.values()) statement.finalize()
    kept.clear()
    close(done)
  }
}
