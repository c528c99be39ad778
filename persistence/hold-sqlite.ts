/**
 * One server for a SQLite file: each holds the lock of a small SQLite file beside it for as long as it
 * runs. The operating system lets go of it with the process, however that ends. Whoever copies, reads or
 * repairs the database is not kept from it.
 */
import { closeSync, existsSync, mkdirSync, openSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { CannotOpenDatabaseError, toCannotOpen } from './cannot-open.ts'
import { openSideConnection, type SideConnection } from './side-connection.ts'

export interface HeldDatabase {
  release(): Promise<void>
}

/** A server that is being restarted may still be on its way out. */
const waitMs = 2_000

/** Throws `CannotOpenDatabaseError` when another server has it. Of other databases nothing is held. */
export async function holdDatabase(url: string): Promise<HeldDatabase> {
  if (!url.startsWith('sqlite:')) return { release: () => Promise.resolve() }
  const path = url.slice('sqlite:'.length)
  let side: SideConnection | null = null
  try {
    const lockPath = `${realPath(path)}.lock`
    makeFile(lockPath)
    side = await openSideConnection(lockPath, waitMs)
    await hold(side, path)
    return { release: side.close }
  } catch (error) {
    await side?.close()
    if (error instanceof CannotOpenDatabaseError) throw error
    throw toCannotOpen(`the SQLite database ${path}`, error)
  }
}

async function hold({ sql }: SideConnection, path: string): Promise<void> {
  try {
    await sql('begin immediate')
    await sql('create table if not exists holder (pid integer not null)')
    await sql('delete from holder')
    await sql('insert into holder values (?)', [process.pid])
    await sql('commit')
    // Held from here on: a reserved lock, so that whoever is refused can read by whom.
    await sql('begin immediate')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')) throw error
    const [holder] = await sql<{ pid: number }>('select pid from holder').catch(() => [])
    throw new CannotOpenDatabaseError(
      `the SQLite database ${path} belongs to another Chatto Calls that is running` +
        `${holder ? ` (process ${holder.pid})` : ''}: stop that one, or give this one another [database] url`,
    )
  }
}

/** The same for every way to the file: links are followed, as SQLite does. */
function realPath(path: string): string {
  mkdirSync(dirname(path), { recursive: true })
  makeFile(path)
  return realpathSync(path)
}

/** For nobody else on this machine to read. */
function makeFile(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
}
