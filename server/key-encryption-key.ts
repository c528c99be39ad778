/**
 * The installation's key-encryption key: from the configuration, or from a file beside the database
 * that is made on the first run. It never goes into the database; its fingerprint does (R41).
 */
import { createHmac, randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from './config.ts'
import { ConfigError } from './load-config.ts'

/** Throws `ConfigError` when the file cannot be used. */
export function readKeyEncryptionKey(security: Config['security']): Buffer {
  if (security.keyEncryptionKey) return security.keyEncryptionKey
  const path = security.keyFile
  if (!path) throw new ConfigError('[security] key_encryption_key is missing')
  return readKeyFile(path) ?? makeKeyFile(path)
}

/** Tells keys apart without telling anything of them. */
export function keyFingerprint(key: Buffer): string {
  return createHmac('sha256', key).update('chatto key-encryption-key fingerprint').digest('hex')
}

function readKeyFile(path: string): Buffer | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new ConfigError(`the key file ${path} cannot be read`)
  }
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== 32) throw new ConfigError(`the key file ${path} does not hold base64 of 32 bytes`)
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    throw new ConfigError(`the key file ${path} can be read by others; run: chmod 600 ${path}`)
  }
  return key
}

/** Of two processes that start at once, one makes it. */
function makeKeyFile(path: string): Buffer {
  const key = randomBytes(32)
  try {
    mkdirSync(dirname(path), { recursive: true })
    const file = openSync(path, 'wx', 0o600)
    writeSync(file, `${key.toString('base64')}\n`)
    fsyncSync(file)
    closeSync(file)
    return key
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      const made = readKeyFile(path)
      if (made) return made
    }
    throw new ConfigError(`the key file ${path} cannot be written`)
  }
}
