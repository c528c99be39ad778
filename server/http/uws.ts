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
const isNode20 = versions.modules === '115'

/**
 * What a request's head may hold when it comes in pieces, in bytes; uWebSockets reads it once, when it
 * is loaded. Its own 4,096 are less than a join behind a proxy that writes by so many.
 */
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ||= String(64 * 1024)

/**
 * The package's build for Node 20 is of an older core, which answers 505 to a request line that comes in
 * pieces (docs/adr/0015-uwebsockets-builds.md).
 */
const packages = isNode20 ? ['uwebsockets-for-node-20', 'uWebSockets.js'] : ['uWebSockets.js']
const { uws, from } = load()
export const uWS: Uws = uws

/** For the operator; null when the core is the present one. */
export const coreNotice =
  isNode20 && from === 'uWebSockets.js'
    ? 'the C library of this system is older than 2.36, so an old build of uWebSockets serves here: ' +
      'requests that arrive in pieces are sometimes answered 505, and joins fail; ' +
      'Debian 12, Ubuntu 24.04 or newer have what it takes'
    : null

function load(): { uws: Uws; from: string } {
  const reasons: string[] = []
  for (const from of packages) {
    try {
      const path = join(dirname(require.resolve(from)), binary)
      return { uws: loadLowered(path) ?? (require(path) as Uws), from }
    } catch (error) {
      reasons.push(String(error))
    }
  }
  throw new Error(
    `uWebSockets.js has no build for Node ${versions.node} on this ${platform} (${arch}): ${reasons.join('; ')}`,
  )
}

/** Undefined where the build may be loaded as it is. */
function loadLowered(path: string): Uws | undefined {
  if (!isGlibcBelow(2, 38)) return undefined
  const lowered = lowerGlibc(readFileSync(path))
  if (!lowered) return undefined
  for (const parent of [join(dirname(path), '../.cache'), tmpdir()]) {
    let folder: string | undefined
    try {
      mkdirSync(parent, { recursive: true })
      // There for as long as it takes to load it: nobody can put another in its place.
      folder = mkdtempSync(join(parent, 'chatto-uws-'))
      const copy = join(folder, binary)
      writeFileSync(copy, lowered)
      return require(copy) as Uws
    } catch {
      // It may not be written there, or nothing in there may be run.
    } finally {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    }
  }
  return undefined
}

function isGlibcBelow(major: number, minor: number): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  const [ownMajor, ownMinor] = (report.header?.glibcVersionRuntime ?? '').split('.').map(Number)
  if (ownMajor === undefined || ownMinor === undefined) return false
  return ownMajor < major || (ownMajor === major && ownMinor < minor)
}
