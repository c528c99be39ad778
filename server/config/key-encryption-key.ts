/**
 * The installation's key-encryption key: from the configuration, or from a file beside the database
 * that is made on the first run. It never goes into the database; its fingerprint does (R41).
 */
import { hkdfSync, randomBytes } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from './config.ts'
import { ConfigError } from './config-error.ts'
import { parseKey } from './sections.ts'

/** 32 bytes. Throws `ConfigError` when the file cannot be used. */
export function readKeyEncryptionKey(security: Config['security']): Buffer {
  if (security.keyEncryptionKey) return security.keyEncryptionKey
  const path = security.keyFile
  if (path === null) throw new ConfigError('[security] key_encryption_key is missing')
  return readKeyFile(path) ?? makeKeyFile(path) ?? readKeyFile(path) ?? vanished(path)
}

/** Hex. Tells keys apart without telling anything of them. */
export function keyFingerprint(key: Buffer): string {
  const derived = hkdfSync('sha256', key, '', 'chatto key-encryption-key fingerprint', 32)
  return Buffer.from(derived).toString('hex')
}

/** Undefined when there is no such file. */
function readKeyFile(path: string): Buffer | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new ConfigError(`the key file ${path} cannot be read (${codeOf(error)})`)
  }
  try {
    const status = fstatSync(file)
    if (!status.isFile()) throw new ConfigError(`the key file ${path} is no file`)
    if (process.platform !== 'win32' && (status.mode & 0o077) !== 0) {
      throw new ConfigError(`the key file ${path} is open to other users; run: chmod 600 ${path}`)
    }
    const key = status.size <= 128 ? parseKey(readFileSync(file, 'utf8')) : undefined
    if (key) return key
    throw new ConfigError(
      `the key file ${path} does not hold base64 of 32 bytes; put the right one back` +
        ' (without it, the keys of calls that are on are lost)',
    )
  } finally {
    closeSync(file)
  }
}

/** Undefined when another process made it first. */
function makeKeyFile(path: string): Buffer | undefined {
  const key = randomBytes(32)
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeDurably(path, `${key.toString('base64')}\n`)
    return key
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined
    throw new ConfigError(`the key file ${path} cannot be written (${codeOf(error)})`)
  }
}

/** A half-written key would stop every later start, so it is taken away again. */
function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(file)
  }
  if (process.platform === 'win32') return
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}

function vanished(path: string): never {
  throw new ConfigError(`the key file ${path} comes and goes; start again`)
}
