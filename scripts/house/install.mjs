/**
 * Installs the packages when what is installed is not what package-lock.json says. npm itself keeps a
 * record of what it installed (`node_modules/.package-lock.json`), written last: an installation that
 * was cut short has none, one made by hand counts.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { aloneIn } from './alone.mjs'
import { npmCommand, run, step, StepFailed } from './run.mjs'

export async function installWhenNeeded(root) {
  refusePathsOfVite(root)
  if (isInstalled(root)) return
  await aloneIn(root, async () => {
    if (!isInstalled(root)) await install(root)
  })
}

/** It takes the rest of such a path for part of an address, and fails after everything is installed. */
function refusePathsOfVite(root) {
  const [found] = root.match(/[#?*]/) ?? []
  if (!found) return
  throw new StepFailed(`Vite cannot build in a folder with ${found} in its path: ${root}`)
}

async function install(root) {
  await step('Installing packages (the first time takes two or three minutes)', async () => {
    // Development packages build the web client, so they are needed in production, too.
    const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
    // A database driver may have to be compiled: on all cores, and against the headers of this Node,
    // which node-gyp would download.
    const env = { ...process.env, JOBS: process.env.JOBS ?? String(availableParallelism()) }
    const headers = headersOfThisNode()
    if (headers) env.npm_config_nodedir = headers
    // As sqlite3 comes where it is downloaded. Compiled for the newest that Node 24 has, it would take
    // Node 20 down with it when that comes next.
    env.npm_config_napi_build_version = '6'
    const [npm, first] = npmCommand()
    const code = await run(npm, [...first, ...args], { cwd: root, env })
    if (code !== 0)
      throw new StepFailed('the packages could not be installed (npm says why, above)')
  })
}

/** The folder that has them, where they came with it: node-gyp calls it `nodedir`. */
function headersOfThisNode() {
  const folder = resolve(process.execPath, '../..')
  const text = readIfThere(join(folder, 'include/node/node_version.h'))
  const version = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => text?.match(new RegExp(`define NODE_${part}_VERSION (\\d+)`))?.[1],
  )
  return version.join('.') === process.versions.node ? folder : undefined
}

function isInstalled(root) {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const there = readPackages(join(root, 'node_modules', '.package-lock.json'))
  if (!wanted) throw new StepFailed('package-lock.json is missing or no JSON')
  if (!there) return false
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true
    const found = there[path]
    // Packages for other platforms stay away.
    if (!found) return entry.optional === true || entry.devOptional === true
    return found.version === entry.version && found.integrity === entry.integrity
  })
}

/** Undefined when there is none that can be read. */
function readPackages(path) {
  try {
    return JSON.parse(readIfThere(path)).packages
  } catch {
    return undefined
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
