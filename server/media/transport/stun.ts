/** The little of STUN that an ICE-lite agent needs: binding requests in, binding successes out (RFC 8489). */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { classes, Message, methods } from 'werift'

const magicCookie = 0x2112a442
const headerBytes = 20
const integrityBytes = 24

const bindingRequest = 0x0001

const attribute = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  useCandidate: 0x0025,
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

/**
 * Undefined: not one, or broken. Nothing of it is true before `isSignedWith` says so; werift would also
 * believe what stands behind the signature.
 */
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
  return new Message(methods.BINDING, classes.RESPONSE, transactionId)
    .setAttribute('XOR-MAPPED-ADDRESS', [from.address, from.port])
    .addMessageIntegrity(Buffer.from(password))
    .addFingerprint().bytes
}

/** The length in the header counts up to and with the signature, whatever follows. */
function sign(password: string, signed: Buffer): Buffer {
  const copy = Buffer.from(signed)
  copy.writeUInt16BE(signed.length + integrityBytes - headerBytes, 2)
  return createHmac('sha1', password).update(copy).digest()
}
