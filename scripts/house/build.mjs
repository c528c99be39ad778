/**
 * Builds the server and the web client when their sources changed since the last build. “Changed” is
 * decided by content: a checkout that touches every file builds nothing.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, step, StepFailed } from './run.mjs'

const parts = [
  {
    what: 'the server',
    sources: ['machines', 'persistence', 'server', 'tsconfig.json', 'tsconfig.build.json'],
    output: 'dist/program',
    command: ['typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  },
  {
    what: 'the web client',
    sources: ['machines', 'server/protocol', 'web', 'vite.config.ts'],
    output: 'dist/web',
    command: ['vite/bin/vite.js', 'build', '--logLevel', 'warn'],
  },
]

/** Where the parts lie when they are built. */
export const program = 'dist/program/server/main.js'
export const webRoot = 'dist/web'

/** `always`: also what is not stale. */
export async function buildWhenNeeded(root, { always = false } = {}) {
  for (const { what, sources, output, command } of parts) {
    const stamp = join(root, `${output}.built-from`)
    const hash = hashOf(root, [...sources, 'package-lock.json'])
    if (!always && readIfThere(stamp) === hash) continue
    await step(`Building ${what}`, async () => {
      // Files whose sources are gone must not stay, and a build that fails must not count as one.
      write(() => {
        rmSync(stamp, { force: true })
        rmSync(join(root, output), { recursive: true, force: true })
      })
      const [script, ...args] = command
      const path = join(root, 'node_modules', script)
      const code = await run(process.execPath, [path, ...args], { cwd: root, show: 'if-it-fails' })
      if (code !== 0) throw new StepFailed(`${what} could not be built (the reason is above)`)
      write(() => {
        mkdirSync(join(root, 'dist'), { recursive: true })
        writeFileSync(stamp, hash)
      })
    })
  }
}

/** A folder that belongs to somebody else, or a full disk, is nothing that a stack would explain. */
function write(work) {
  try {
    work()
  } catch (error) {
    throw new StepFailed(`dist/ cannot be written (${error.message})`)
  }
}

function hashOf(root, sources) {
  const hash = createHash('sha256')
  for (const source of sources) {
    for (const file of filesOf(root, source)) {
      hash
        .update(`${file}\0`)
        .update(readFileSync(join(root, file)))
        .update('\0')
    }
  }
  return hash.digest('hex')
}

function filesOf(root, source) {
  if (/\.\w+$/.test(source)) return [source]
  return readdirSync(join(root, source), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort()
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
