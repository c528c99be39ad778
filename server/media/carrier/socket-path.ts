/** Where the web process and the media process meet: a socket in a folder that is nobody else’s. */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'

export interface LinkFiles {
  /** Of the socket, or the name of the pipe on Windows. */
  socketPath: string
  /** The media process’s own words when nobody listens; kept beside the database. */
  logFile: string
}

/** The system’s limit is 104 bytes on macOS and 108 on Linux, with a zero at the end. */
const maxPathBytes = 100

/**
 * The same for the same folder, so that a restarted web process finds the media process that runs.
 * Throws when the folder cannot be made private.
 */
export function prepareLinkFiles(
  folder: string,
  platform: NodeJS.Platform = process.platform,
): LinkFiles {
  const home = join(resolve(folder), 'media')
  makePrivate(home)
  const logFile = join(home, 'media.log')
  const name = createHash('sha256').update(home).digest('hex').slice(0, 24)
  // A pipe is in no folder; Node makes it so that only the same user can write to it.
  if (platform === 'win32') return { socketPath: `\\\\.\\pipe\\chatto-media-${name}`, logFile }
  const beside = join(home, 'link')
  if (Buffer.byteLength(beside) <= maxPathBytes) return { socketPath: beside, logFile }
  const elsewhere = join(tmpdir(), `chatto-media-${name}`)
  makePrivate(elsewhere)
  return { socketPath: join(elsewhere, 'link'), logFile }
}

/** In a folder that others may write to, somebody else may have been first: that one is refused. */
function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  if (!found.isDirectory()) throw new Error(`${folder} is no folder`)
  if (process.platform === 'win32') return
  if (found.uid !== userInfo().uid) throw new Error(`the folder ${folder} is somebody else’s`)
  if ((found.mode & 0o777) !== 0o700) chmodSync(folder, 0o700)
}
