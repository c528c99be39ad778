/** Whether a media process that runs is of this program and its settings. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { configHash } from '../../../../server/media/carrier/spawn-process.ts'
import { defaultMediaConfig } from '../../../../server/media/link/media-config.ts'

const config = { apiKey: 'k', apiSecret: 's', media: defaultMediaConfig(), logLevel: 'info' }
const program = fileURLToPath(new URL('../../../../server/media', import.meta.url))

let copy = ''
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'chatto-program-'))
  cpSync(program, copy, { recursive: true })
})
afterEach(() => rmSync(copy, { recursive: true, force: true }))

const hash = (version = '1') => configHash(config, version, copy)

test('the same program with the same settings is the same, wherever it lies', () => {
  expect(hash()).toBe(configHash(config, '1'))
  expect(hash('2')).not.toBe(hash())
  expect(configHash({ ...config, apiSecret: 'other' }, '1', copy)).not.toBe(hash())
})

test.each(['media-carrier.ts', 'rtp/rtp-forwarding.ts', 'process/media-process.ts'])(
  'another %s is another program',
  (name) => {
    const before = hash()
    writeFileSync(join(copy, name), '// another one')
    expect(hash()).not.toBe(before)
  },
)

test('words about it change nothing', () => {
  const before = hash()
  writeFileSync(join(copy, 'README.md'), 'other words')
  expect(hash()).toBe(before)
})
