/**
 * Builds the server and the web client when their sources changed since the last build. “Changed” is
 * decided by content: a checkout that touches every file builds nothing.
 */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { aloneIn } from './alone.mjs'
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
  if (!always && parts.every((part) => isBuilt(root, part))) return
  await aloneIn(root, async () => {
    for (const part of parts) {
      if (always || !isBuilt(root, part)) await build(root, part)
    }
  })
}

function isBuilt(root, part) {
  return readIfThere(stampOf(root, part)) === hashOf(root, part)
}

const stampOf = (root, { output }) => join(root, `${output}.built-from`)

/** Aside, and put into its place when it is whole: nobody ever sees half of it, or files whose sources are gone. */
async function build(root, part) {
  const { what, output, command } = part
  const hash = hashOf(root, part)
  const place = join(root, output)
  const aside = `${place}.new`
  const former = `${place}.old`
  await step(`Building ${what}`, async () => {
    write(() => {
      for (const folder of [aside, former]) rmSync(folder, { recursive: true, force: true })
      mkdirSync(aside, { recursive: true })
    })
    const [script, ...args] = command
    const path = join(root, 'node_modules', script)
    const code = await run(process.execPath, [path, ...args, '--outDir', aside], {
      cwd: root,
      show: 'if-it-fails',
    })
    if (code !== 0) throw new StepFailed(`${what} could not be built (the reason is above)`)
    write(() => {
      rmSync(stampOf(root, part), { force: true })
      if (existsSync(place)) renameSync(place, former)
      renameSync(aside, place)
      writeFileSync(stampOf(root, part), hash)
      rmSync(former, { recursive: true, force: true })
    })
  })
}

/** A folder that belongs to somebody else, or a full disk, is nothing that a stack would explain. */
function write(work) {
  try {
    work()
  } catch (error) {
    throw new StepFailed(`dist/ cannot be written (${error.message})`)
  }
}

function hashOf(root, { sources }) {
  const hash = createHash('sha256')
  for (const source of [...sources, 'package-lock.json']) {
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
