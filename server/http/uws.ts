/** Loads uWebSockets.js: the one place that does, for what must be said to it before. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type * as UWebSockets from 'uWebSockets.js'
import { lowerGlibc } from './lower-glibc.ts'

type Uws = typeof UWebSockets

const require = createRequire(import.meta.url)
const { arch, platform, versions } = process
const binary = `uws_${platform}_${arch}_${versions.modules}.node`

/**
 * What a request's head may hold when it comes in pieces, in bytes; uWebSockets reads it once, when it
 * is loaded. Its own 4,096 are less than a join behind a proxy that writes by so many.
 */
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= String(64 * 1024)

const { uws, isOldCore } = load()
export const uWS: Uws = uws

/**
 * What the operator has to know of the build that this machine can load; null when it is the present one.
 */
export const coreNotice = isOldCore
  ? 'the C library of this system is older than 2.36, so an old build of uWebSockets serves here: ' +
    'requests that arrive in pieces are sometimes answered 505, and joins fail. ' +
    'Debian 12, Ubuntu 24.04 or newer have what it takes'
  : null

/** The present build, the same one without its wish for glibc 2.38, or an old one. */
function load(): { uws: Uws; isOldCore: boolean } {
  const path = join(dirname(require.resolve('uWebSockets.js')), binary)
  try {
    return { uws: require(path) as Uws, isOldCore: false }
  } catch (error) {
    if (!String(error).includes('GLIBC_')) throw explain(error)
    const lowered = lowerGlibc(readFileSync(path))
    const uws = lowered && firstThatLoads(lowered, [join(dirname(path), '../.cache'), tmpdir()])
    if (uws) return { uws, isOldCore: false }
    return { uws: loadOldCore(error), isOldCore: true }
  }
}

/** A file that is there for as long as it takes to load it: nobody can put another in its place. */
function firstThatLoads(file: Buffer, folders: string[]): Uws | undefined {
  for (const parent of folders) {
    let folder: string | undefined
    try {
      mkdirSync(parent, { recursive: true })
      folder = mkdtempSync(join(parent, 'chatto-uws-'))
      const path = join(folder, binary)
      writeFileSync(path, file)
      return require(path) as Uws
    } catch {
      // May not be written, or holds nothing that may be run; the next one may.
    } finally {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    }
  }
  return undefined
}

function loadOldCore(reason: unknown): Uws {
  try {
    return require(join(dirname(require.resolve('uwebsockets-old-glibc')), binary)) as Uws
  } catch {
    throw explain(reason)
  }
}

function explain(error: unknown): Error {
  return new Error(
    `uWebSockets.js has no build for Node ${versions.node} on this ${platform} (${arch}): ${String(error)}`,
  )
}
