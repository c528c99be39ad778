/** The socket at which the web process finds the media process: a file, or a pipe on Windows. */
import { statSync, unlinkSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'

export interface LinkSocket {
  /** Rejects when the socket cannot be made. */
  listen(): Promise<void>
  /** Nobody finds it any more; who is connected stays so. */
  remove(): void
}

const isPipe = process.platform === 'win32'

export function createLinkSocket(path: string, onConnection: (socket: Socket) => void): LinkSocket {
  const server = createServer(onConnection)
  let inode: number | null = null

  return {
    listen() {
      // It was started because nobody answered there: what lies there is left from a crash.
      if (!isPipe) removeFile(path)
      return new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(path, () => {
          if (!isPipe) inode = statSync(path).ino
          resolve()
        })
      })
    },
    remove() {
      // Another media process may have taken the place; its socket stays.
      removeFile(path, () => inode !== null && statSync(path).ino === inode)
    },
  }
}

/** Somebody may have cleaned up: it is gone either way. */
function removeFile(path: string, isOurs = () => true): void {
  try {
    if (isOurs()) unlinkSync(path)
  } catch {
    // Nothing lies there.
  }
}
