/** A connection to a SQLite file beside those of the database: for what must neither wait nor be waited for. */
import sqlite3 from 'sqlite3'
import type { Sql } from './connection.ts'

export interface SideConnection {
  sql: Sql
  close(): Promise<void>
}

/** `waitMs`: for a lock, from the first statement on; 0 is answered `SQLITE_BUSY` at once. */
export async function openSideConnection(path: string, waitMs: number): Promise<SideConnection> {
  const driver = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opening: sqlite3.Database = new sqlite3.Database(path, (error) => {
      if (error) reject(error)
      else resolve(opening)
    })
  })
  driver.configure('busyTimeout', waitMs)
  let closing: Promise<void> | null = null
  return {
    sql: (query, params = []) =>
      new Promise((resolve, reject) => {
        driver.all(query, params, (error, rows) => {
          if (error) reject(error)
          else resolve(rows as never)
        })
      }),
    close: () =>
      (closing ??= new Promise((resolve, reject) => {
        driver.close((error) => {
          if (error) reject(error)
          else resolve()
        })
      })),
  }
}
