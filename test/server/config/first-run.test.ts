import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeFirstConfig } from '../../../server/config/first-run.ts'
import { loadConfig } from '../../../server/config/load-config.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'chatto-first-run-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

const read = (path: string) => readFileSync(path, 'utf8')

test('Ada starts it in an empty folder: her configuration is written, and calls are on', () => {
  const path = join(cwd, 'chatto.toml')
  expect(writeFirstConfig({ argv: [], env: {}, cwd })).toEqual({ is: 'written', path })
  const config = loadConfig({ argv: [], env: {}, cwd, readFile: read })
  expect(config.livekit).toMatchObject({ embedded: { maxParticipants: 8 } })
  expect(config.warnings).toEqual([])
})

test('what is there is left alone', () => {
  writeFileSync(join(cwd, 'chatto.toml'), '# mine')
  expect(writeFirstConfig({ argv: [], env: {}, cwd })).toBeNull()
  expect(read(join(cwd, 'chatto.toml'))).toBe('# mine')
})

test.each([
  { argv: ['--config', 'other.toml'], env: {} },
  { argv: ['--config=other.toml'], env: {} },
  { argv: [], env: { CHATTO_LIVEKIT_URL: 'ws://localhost:7880' } },
])('who says something about calls is taken at their word: %j', (told) => {
  expect(writeFirstConfig({ ...told, cwd })).toBeNull()
})

test('a folder that cannot be written is no reason not to start, and the reason is there to be said', () => {
  const nowhere = join(cwd, 'nowhere')
  expect(writeFirstConfig({ argv: [], env: {}, cwd: nowhere })).toEqual({
    is: 'impossible',
    path: join(nowhere, 'chatto.toml'),
    reason: 'ENOENT',
  })
})
