/** The builds of uWebSockets.js for each Node and processor, for an older C library. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { lowerGlibc } from '../../../server/http/lower-glibc.ts'

const require = createRequire(import.meta.url)
const builds = ['uWebSockets.js', 'uwebsockets-for-node-20'].flatMap((name) => {
  const folder = dirname(require.resolve(name))
  return readdirSync(folder)
    .filter((file) => /^uws_linux_(x64|arm64)_(115|127|137|141)\.node$/.test(file))
    .map((file) => [name, file, join(folder, file)] as const)
})
const wantsNew = (file: Uint8Array) => Buffer.from(file).includes('GLIBC_2.38')

test('there are builds for two processors and four Nodes', () => {
  expect(builds).toHaveLength(16)
})

describe.each(builds)('%s: %s', (_name, _file, path) => {
  const original = readFileSync(path)
  const lowered = lowerGlibc(original)

  test('what needs glibc 2.38 does not afterwards, and nothing but names is another', () => {
    // The build of 2024 never did.
    if (!wantsNew(original)) {
      expect(lowered).toBeUndefined()
      return
    }
    expect(lowered?.length).toBe(original.length)
    const changed = original.filter((byte, i) => byte !== lowered?.[i]).length
    expect(changed).toBeGreaterThan(0)
    expect(changed).toBeLessThan(40)
    // Twice does as much as once.
    expect(lowered && lowerGlibc(lowered)).toBeUndefined()
  })

  test('the file that was given is as it was', () => {
    expect(original.equals(readFileSync(path))).toBe(true)
  })
})

test('what is no such file is left alone', () => {
  for (const file of [Buffer.alloc(0), Buffer.from('MZ no ELF'), Buffer.alloc(100, 0x7f)]) {
    expect(lowerGlibc(file)).toBeUndefined()
  }
})
