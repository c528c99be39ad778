/** The build of `npm start`, in a copy that has its scripts and no sources. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

/** Modes hold back no root, so something else stands in the way. */
test('a dist/ that cannot be emptied is told in one line', () => {
  writeFileSync(join(root, 'dist'), '')
  const { status, stderr } = start()
  expect(stderr).toMatch(/^Chatto Calls cannot start: dist\/ cannot be written \(ENOTDIR: .*\)\n$/)
  expect(status).toBe(1)
})

test('a dist/ that takes no more files after a build is told in one line', () => {
  writeFileSync(join(root, compiler), `require('node:fs').writeFileSync('dist', '')`)
  const { status, stderr } = start()
  expect(stderr).toMatch(/^Chatto Calls cannot start: dist\/ cannot be written \(EEXIST: .*\)\n$/)
  expect(status).toBe(1)
})
