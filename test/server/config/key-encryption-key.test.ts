import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keyFingerprint, readKeyEncryptionKey } from '../../../server/config/key-encryption-key.ts'

let folder: string
let keyFile: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chatto-key-'))
  keyFile = join(folder, 'data', 'chatto.db.key')
})
afterEach(() => rmSync(folder, { recursive: true }))

const fromFile = () => readKeyEncryptionKey({ keyEncryptionKey: null, keyFile })

function writeKey(text: string, mode = 0o600): void {
  mkdirSync(join(folder, 'data'), { recursive: true })
  writeFileSync(keyFile, text, { mode })
  chmodSync(keyFile, mode)
}

test('R41 the first run makes a key that only its owner may read, and later runs take it', () => {
  const made = fromFile()
  expect(made).toHaveLength(32)
  expect(statSync(keyFile).mode & 0o777).toBe(0o600)
  expect(readFileSync(keyFile, 'utf8')).toBe(`${made.toString('base64')}\n`)
  expect(fromFile()).toEqual(made)
})

test('R41 two installations get two keys', () => {
  const first = fromFile()
  rmSync(keyFile)
  expect(fromFile()).not.toEqual(first)
})

test('R41 a configured key is taken, and no file is made', () => {
  const key = Buffer.alloc(32, 1)
  expect(readKeyEncryptionKey({ keyEncryptionKey: key, keyFile: null })).toBe(key)
  expect(() => statSync(keyFile)).toThrow('ENOENT')
})

test.each([
  ['an empty one', ''],
  ['one of 31 bytes', Buffer.alloc(31, 5).toString('base64')],
  ['one of 33 bytes', Buffer.alloc(33, 5).toString('base64')],
  ['one that is no base64', '!'.repeat(44)],
  ['a huge one', 'A'.repeat(1_000_000)],
])('R41 %s is refused without showing it, and stays as it is', (_, text) => {
  writeKey(text)
  expect(fromFile).toThrow(/^the key file \S+chatto\.db\.key does not hold base64 of 32 bytes/)
  if (text !== '') expect(fromFile).not.toThrow(text.slice(0, 16))
  expect(readFileSync(keyFile, 'utf8')).toBe(text)
})

test.runIf(process.platform !== 'win32').each([0o644, 0o640, 0o604])(
  'R41 a key file of mode %o is refused with the command that mends it',
  (mode) => {
    writeKey(`${Buffer.alloc(32, 5).toString('base64')}\n`, mode)
    expect(fromFile).toThrow(`is open to other users; run: chmod 600 ${keyFile}`)
    chmodSync(keyFile, 0o600)
    expect(fromFile()).toEqual(Buffer.alloc(32, 5))
  },
)

test('R41 a folder that cannot be made is one clear line', () => {
  writeFileSync(join(folder, 'data'), 'a file where the folder should be')
  expect(fromFile).toThrow(/^the key file \S+ cannot be (read|written) \(E\w+\)$/)
})

test('R41 the fingerprint is the same for the same key, another for another, and not the key', () => {
  const key = Buffer.alloc(32, 3)
  expect(keyFingerprint(key)).toMatch(/^[0-9a-f]{64}$/)
  expect(keyFingerprint(key)).toBe(keyFingerprint(Buffer.from(key)))
  expect(keyFingerprint(key)).not.toBe(keyFingerprint(Buffer.alloc(32, 4)))
  expect(keyFingerprint(key)).not.toBe(key.toString('hex'))
})
