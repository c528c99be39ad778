/** Starts the media process so that it outlives this one, and knows which program and settings it is of. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MediaProcessConfig } from '../link/messages.ts'
import type { LinkFiles } from './socket-path.ts'

const here = fileURLToPath(import.meta.url)
/** `.ts` while developing and in tests, `.js` in the built program. */
const extension = extname(here)
/** The whole media server: `server/media`. */
const program = dirname(dirname(here))

/** What a media process needs of the environment. Settings of ours stay out: secrets may be among them. */
const passedOn = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'TZ', 'LANG', 'NODE_ENV']

export interface SpawnedProcess {
  pid: number
  hasEnded(): boolean
  onEnded(listener: () => void): void
  /** Without warning; for one that does not answer. */
  kill(): void
}

/** Its command line names the socket and nothing else; the configuration comes over the socket. */
export function spawnMediaProcess({ socketPath, logFile }: LinkFiles): SpawnedProcess {
  const entry = join(program, 'process', `media-process${extension}`)
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(
    process.execPath,
    [...(extension === '.ts' ? ['--import', 'tsx'] : []), entry, socketPath],
    {
      cwd: program,
      detached: true,
      windowsHide: true,
      // Files, no pipes: a pipe to a process that is gone would end the child at its next word.
      stdio: ['ignore', log, log],
      env: Object.fromEntries(passedOn.map((name) => [name, process.env[name]])),
    },
  )
  closeSync(log)
  child.unref()
  let ended = false
  const listeners: (() => void)[] = []
  const end = () => {
    if (ended) return
    ended = true
    listeners.forEach((listener) => listener())
  }
  child.once('error', end)
  child.once('exit', end)
  return {
    pid: child.pid ?? 0,
    hasEnded: () => ended,
    onEnded(listener) {
      if (ended) listener()
      else listeners.push(listener)
    },
    kill() {
      if (!ended) child.kill('SIGKILL')
    },
  }
}

/** Of the settings and of the program's own files: a newer program wants a newer media process. */
export function configHash(config: MediaProcessConfig, version: string, folder = program): string {
  const hash = createHash('sha256').update(JSON.stringify([config, version]))
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (name.endsWith(extension)) hash.update(name).update(readFileSync(join(folder, name)))
  }
  return hash.digest('hex')
}
