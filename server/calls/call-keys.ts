/**
 * The keys of calls: 32 random bytes, kept only sealed (AES-256-GCM under the installation's
 * key-encryption key, call id and epoch as associated data), in a table of their own (R41).
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { KeyRow } from '../../persistence/store.ts'

export interface CallKeys {
  /** A fresh key, sealed. */
  mint(callId: string, keyEpoch: number, at: number): KeyRow
  /** The key as clients get it: base64 of 32 bytes. Throws when the row is not of this key-encryption key. */
  open(row: KeyRow): string
}

const nonceBytes = 12
const tagBytes = 16

export function createCallKeys(keyEncryptionKey: Buffer): CallKeys {
  const associated = (callId: string, keyEpoch: number) => Buffer.from(`${callId}:${keyEpoch}`)
  return {
    mint(callId, keyEpoch, at) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', keyEncryptionKey, nonce)
      cipher.setAAD(associated(callId, keyEpoch))
      const sealed = Buffer.concat([nonce, cipher.update(randomBytes(32)), cipher.final()])
      return {
        callId,
        keyEpoch,
        sealedKey: Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64'),
        createdAt: at,
      }
    },
    open(row) {
      const sealed = Buffer.from(row.sealedKey, 'base64')
      const nonce = sealed.subarray(0, nonceBytes)
      const tag = sealed.subarray(sealed.length - tagBytes)
      const decipher = createDecipheriv('aes-256-gcm', keyEncryptionKey, nonce)
      decipher.setAAD(associated(row.callId, row.keyEpoch))
      decipher.setAuthTag(tag)
      const key = Buffer.concat([
        decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes)),
        decipher.final(),
      ])
      return key.toString('base64')
    },
  }
}
