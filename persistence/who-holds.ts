/**
 * Which other program holds a SQLite file, so that the log can name it. Linux tells (`/proc/locks`);
 * anywhere else, and across containers, nobody is found.
 */
import { readFileSync, statSync } from 'node:fs'

/** Bytes of the `-shm` file that SQLite locks in WAL mode (`WAL_WRITE_LOCK`, `WAL_READ_LOCK`). */
const lockBytes = { writing: [120, 120], reading: [123, 127] } as const

/** `sqlite3 (process 4711)`; undefined when it cannot be told. */
export function whoHolds(path: string, doing: keyof typeof lockBytes): string | undefined {
  try {
    const inode = String(statSync(`${path}-shm`).ino)
    const [from, to] = lockBytes[doing]
    const found = parseLocks(readFileSync('/proc/locks', 'utf8')).find(
      (lock) =>
        lock.inode === inode && lock.pid !== process.pid && lock.start <= to && lock.end >= from,
    )
    return found && `${nameOf(found.pid)} (process ${found.pid})`
  } catch {
    return undefined
  }
}

/** A line: `1: POSIX  ADVISORY  READ 4711 08:02:1234 123 123`. */
function parseLocks(text: string): { pid: number; inode: string; start: number; end: number }[] {
  const line = /^\d+: \w+ +\w+ +\w+ (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) (\d+|EOF)$/gm
  return [...text.matchAll(line)].map(([, pid, inode = '', start, end]) => ({
    pid: Number(pid),
    inode,
    start: Number(start),
    end: end === 'EOF' ? Infinity : Number(end),
  }))
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return 'another program'
  }
}
