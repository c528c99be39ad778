/** The build of `npm start`, in a copy that has its scripts and no sources. */
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const house = fileURLToPath(new URL('../../scripts/house', import.meta.url))
const compiler = 'node_modules/typescript/bin/tsc'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'chatto-build-'))
  cpSync(house, join(root, 'scripts/house'), { recursive: true })
  for (const folder of ['machines', 'persistence', 'server', 'node_modules/typescript/bin']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  for (const file of ['package-lock.json', 'node_modules/.package-lock.json']) {
    writeFileSync(join(root, file), '{ "packages": {} }')
  }
  for (const file of ['tsconfig.json', 'tsconfig.build.json', compiler]) {
    writeFileSync(join(root, file), '')
  }
})
afterEach(() => rmSync(root, { recursive: true }))

function start() {
  const script = join(root, 'scripts/house/start-server.mjs')
  return spawnSync(process.execPath, [script], { cwd: root, encoding: 'utf8' })
}

function startBeside() {
  const child = spawn(process.execPath, [join(root, 'scripts/house/start-server.mjs')], {
    cwd: root,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  }
  return new Promise<{ status: number | null; output: string }>((resolve) => {
    child.once('close', (status) => resolve({ status, output }))
  })
}

test.each(['#', '?', '*'])('a path with %s in it is refused in one line', (sign) => {
  const folder = join(root, `a${sign}b`)
  cpSync(house, join(folder, 'scripts/house'), { recursive: true })
  const script = join(folder, 'scripts/house/start-server.mjs')
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  expect(stderr).toBe(
    `Chatto Calls cannot start: Vite cannot build in a folder with ${sign} in its path: ${folder}\n`,
  )
  expect(status).toBe(1)
})

/** Modes hold back no root, so something else stands in the way. */
test('a dist/ that cannot be emptied is told in one line', () => {
  writeFileSync(join(root, 'dist'), '')
  const { status, stderr } = start()
  expect(stderr).toMatch(/^Chatto Calls cannot start: dist\/ cannot be written \(ENOTDIR: .*\)\n$/)
  expect(status).toBe(1)
})

test('a dist/ that takes no more files after a build is told in one line', () => {
  writeFileSync(
    join(root, compiler),
    `const { rmSync, writeFileSync } = require('node:fs')
     rmSync('dist', { recursive: true })
     writeFileSync('dist', '')`,
  )
  const { status, stderr } = start()
  expect(stderr).toMatch(/^Chatto Calls cannot start: dist\/ cannot be written \(ENOTDIR: .*\)\n$/)
  expect(status).toBe(1)
})

test('two first starts at once: one installs and builds, the other waits and says so, and both come up', async () => {
  rmSync(join(root, 'node_modules'), { recursive: true })
  for (const folder of ['web', 'server/protocol']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'vite.config.ts'), '')
  const version = '1.0.0'
  const programs = { typescript: 'bin/tsc', vite: 'bin/vite.js' }
  const names = Object.keys(programs)
  const dependencies = Object.fromEntries(names.map((name) => [name, `file:packages/${name}`]))
  const packages: Record<string, unknown> = { '': { name: 'root', version, dependencies } }
  for (const [name, program] of Object.entries(programs)) {
    packages[`node_modules/${name}`] = { resolved: `packages/${name}`, link: true }
    packages[`packages/${name}`] = { version }
    mkdirSync(join(root, 'packages', name, 'bin'), { recursive: true })
    writeFileSync(
      join(root, 'packages', name, 'package.json'),
      JSON.stringify({ name, version, type: 'commonjs' }),
    )
    // Takes a while, and its output is whole only at the end.
    writeFileSync(
      join(root, 'packages', name, program),
      `const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs')
       const folder = process.argv[process.argv.indexOf('--outDir') + 1]
       appendFileSync('builds', folder + '\\n')
       setTimeout(() => {
         mkdirSync(folder + '/server', { recursive: true })
         writeFileSync(folder + '/server/main.js', 'console.log("on")')
       }, 500)`,
    )
  }
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({ name: 'root', version, dependencies, type: 'module' }),
  )
  writeFileSync(
    join(root, 'package-lock.json'),
    JSON.stringify({ name: 'root', version, lockfileVersion: 3, requires: true, packages }),
  )

  const outputs = await Promise.all([startBeside(), startBeside()])
  for (const { status, output } of outputs) {
    expect(output).toMatch(/^on$/m)
    expect(status).toBe(0)
  }
  const built = ['program', 'web'].map((name) => join(root, 'dist', `${name}.new`))
  expect(readFileSync(join(root, 'builds'), 'utf8').trim().split('\n')).toEqual(built)
  expect(readdirSync(join(root, 'dist')).sort()).toEqual([
    'program',
    'program.built-from',
    'web',
    'web.built-from',
  ])
  const saying = (words: string) => outputs.filter(({ output }) => output.includes(words)).length
  expect(saying('Installing packages')).toBe(1)
  // Who installed may find the other one building already.
  expect(saying('waiting for it')).toBeGreaterThanOrEqual(1)
})

test('what was built stays in its place until the next build is whole', () => {
  mkdirSync(join(root, 'dist/program'), { recursive: true })
  writeFileSync(join(root, 'dist/program/served.js'), '')
  writeFileSync(join(root, compiler), 'process.exit(1)')
  const { status, stderr } = start()
  expect(stderr).toBe(
    'Chatto Calls cannot start: the server could not be built (the reason is above)\n',
  )
  expect(status).toBe(1)
  expect(readdirSync(join(root, 'dist/program'))).toEqual(['served.js'])
})
