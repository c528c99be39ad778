/** The little of STUN that an ICE-lite agent needs: binding requests in, binding successes out (RFC 8489). */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { crc32 } from './crc32.ts'

const magicCookie = 0x2112a442
const headerBytes = 20
const integrityBytes = 24
const fingerprintXor = 0x5354554e

const bindingRequest = 0x0001
const bindingSuccess = 0x0101

const attribute = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  xorMappedAddress: 0x0020,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
}

export interface BindingRequest {
  transactionId: Buffer
  /** Ours, the first part of USERNAME. */
  localUfrag: string
  isNominating: boolean
  /** Everything in front of MESSAGE-INTEGRITY. */
  signed: Buffer
  signature: Buffer
}

export function isStun(packet: Buffer): boolean {
  return packet.length >= headerBytes && packet.readUInt32BE(4) === magicCookie && packet[0]! < 4
}

/** Undefined: not one, or broken. Nothing of it is true before `isSignedWith` says so. */
export function parseBindingRequest(packet: Buffer): BindingRequest | undefined {
  if (!isStun(packet) || packet.readUInt16BE(0) !== bindingRequest) return undefined
  if (packet.readUInt16BE(2) !== packet.length - headerBytes) return undefined
  let username: string | undefined
  let isNominating = false
  for (let at = headerBytes; at + 4 <= packet.length;) {
    const type = packet.readUInt16BE(at)
    const length = packet.readUInt16BE(at + 2)
    const value = packet.subarray(at + 4, at + 4 + length)
    if (value.length !== length) return undefined
    if (type === attribute.username) username = value.toString('latin1')
    if (type === attribute.useCandidate) isNominating = true
    if (type === attribute.messageIntegrity) {
      const localUfrag = username?.split(':')[0]
      if (localUfrag === undefined || length !== 20) return undefined
      return {
        transactionId: packet.subarray(8, headerBytes),
        localUfrag,
        isNominating,
        signed: packet.subarray(0, at),
        signature: value,
      }
    }
    at += 4 + length + ((4 - (length % 4)) % 4)
  }
  return undefined
}

export function isSignedWith(password: string, { signed, signature }: BindingRequest): boolean {
  return timingSafeEqual(sign(password, signed), signature)
}

export function writeBindingSuccess(
  transactionId: Buffer,
  from: { address: string; port: number },
  password: string,
): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(bindingSuccess, 0)
  header.writeUInt32BE(magicCookie, 4)
  transactionId.copy(header, 8)

  const address = toBytes(from.address)
  const mapped = Buffer.alloc(8 + address.length)
  mapped.writeUInt16BE(attribute.xorMappedAddress, 0)
  mapped.writeUInt16BE(4 + address.length, 2)
  mapped.writeUInt16BE(address.length === 4 ? 1 : 2, 4)
  mapped.writeUInt16BE(from.port ^ (magicCookie >>> 16), 6)
  // With the cookie and, for the longer ones, the transaction.
  address.forEach((byte, at) => mapped.writeUInt8(byte ^ header.readUInt8(4 + at), 8 + at))

  const signed = Buffer.concat([header, mapped])

  const integrity = Buffer.alloc(integrityBytes)
  integrity.writeUInt16BE(attribute.messageIntegrity, 0)
  integrity.writeUInt16BE(20, 2)
  sign(password, signed).copy(integrity, 4)
  const withIntegrity = Buffer.concat([signed, integrity])

  const fingerprint = Buffer.alloc(8)
  fingerprint.writeUInt16BE(attribute.fingerprint, 0)
  fingerprint.writeUInt16BE(4, 2)
  withIntegrity.writeUInt16BE(withIntegrity.length + 8 - headerBytes, 2)
  fingerprint.writeUInt32BE((crc32(withIntegrity) ^ fingerprintXor) >>> 0, 4)
  return Buffer.concat([withIntegrity, fingerprint])
}

/** The length in the header counts up to and with the signature, whatever follows. */
function sign(password: string, signed: Buffer): Buffer {
  const copy = Buffer.from(signed)
  copy.writeUInt16BE(signed.length + integrityBytes - headerBytes, 2)
  return createHmac('sha1', password).update(copy).digest()
}

function toBytes(address: string): number[] {
  const plain = address.split('%')[0] ?? ''
  if (!plain.includes(':')) return plain.split('.').map(Number)
  const [head = '', tail] = plain.split('::')
  const before = toWords(head)
  const after = toWords(tail ?? '')
  const zeros = new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0)
  const words = tail === undefined ? before : [...before, ...zeros, ...after]
  return words.flatMap((word) => [word >> 8, word & 0xff])
}

/** The last one may be an IPv4 address, which is two. */
function toWords(part: string): number[] {
  if (part === '') return []
  return part.split(':').flatMap((word) => {
    if (!word.includes('.')) return [parseInt(word, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = word.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
