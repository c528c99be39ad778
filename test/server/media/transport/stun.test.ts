/** Checks of clients and the answers to them (RFC 8489). */
import { createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import {
  isSignedWith,
  parseBindingRequest,
  writeBindingSuccess,
} from '../../../../server/media/transport/stun.ts'

test('a STUN request counts only with the right password, and is answered with the sender’s address', () => {
  // The sample request of RFC 5769, section 2.1.
  const sample = Buffer.from(
    '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e' +
      '0001ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781e' +
      'f2b5b2d3f249c1b571a280280004e57a3bcf',
    'hex',
  )
  const request = parseBindingRequest(sample)
  if (!request) throw new Error('not read')
  expect(request.localUfrag).toBe('evtj')
  expect(isSignedWith('VOkJxbRl1RmTxUk/WvJxBt', request)).toBe(true)
  expect(isSignedWith('another', request)).toBe(false)
  // Of its answer, section 2.2, the address and what follows, but for the software's name.
  const answer = writeBindingSuccess(
    request.transactionId,
    { address: '192.0.2.1', port: 32_853 },
    'VOkJxbRl1RmTxUk/WvJxBt',
  )
  expect(answer.subarray(20, 32).toString('hex')).toBe('002000080001a147e112a643')
  for (let length = 0; length < sample.length; length += 1) {
    expect(parseBindingRequest(sample.subarray(0, length))).toBe(undefined)
  }
})

test('the answer to a check names where it came from, in both families', () => {
  const transaction = Buffer.from('0102030405060708090a0b0c', 'hex')
  const mapped = (address: string) =>
    writeBindingSuccess(transaction, { address, port: 0x1234 }, 'secret').subarray(20)
  // RFC 8489: XORed with the cookie, longer ones with the transaction behind it.
  expect(mapped('192.0.2.1').subarray(0, 12).toString('hex')).toBe('0020000800013326e112a643')
  expect(mapped('2001:db8::1').subarray(0, 24).toString('hex')).toBe(
    '00200014000233260113a9fa0102030405060708090a0b0d',
  )
  expect(mapped('::ffff:10.0.0.1').subarray(8, 24)).toHaveLength(16)
})

test('the answer to a check is signed and ends with a fingerprint', () => {
  const transaction = Buffer.from('0102030405060708090a0b0c', 'hex')
  const answer = writeBindingSuccess(transaction, { address: '192.0.2.1', port: 1 }, 'secret')
  const [signature, fingerprint] = [answer.length - 32, answer.length - 8]
  expect(answer.subarray(0, 4).toString('hex')).toBe('0101002c')
  const signed = Buffer.from(answer.subarray(0, signature))
  // Each covers what is in front of it, under a length that ends with itself.
  signed.writeUInt16BE(fingerprint - 20, 2)
  expect(answer.subarray(signature + 4, fingerprint)).toEqual(
    createHmac('sha1', 'secret').update(signed).digest(),
  )
  const checked = crc32(answer.subarray(0, fingerprint))
  expect(answer.readUInt32BE(fingerprint + 4)).toBe((checked ^ 0x5354554e) >>> 0)
})

test('what stands behind the signature of a check counts for nothing', () => {
  const attribute = (type: number, value: string) => {
    const head = Buffer.alloc(4)
    head.writeUInt16BE(type, 0)
    head.writeUInt16BE(value.length, 2)
    return Buffer.concat([head, Buffer.from(value)])
  }
  const [name, signature, useCandidate] = [
    attribute(0x0006, 'abcd:efg'),
    attribute(0x0008, 'x'.repeat(20)),
    attribute(0x0025, ''),
  ]
  const check = (...attributes: Buffer[]) => {
    const body = Buffer.concat(attributes)
    const head = Buffer.from('000100002112a4420102030405060708090a0b0c', 'hex')
    head.writeUInt16BE(body.length, 2)
    return parseBindingRequest(Buffer.concat([head, body]))
  }
  expect(check(name, useCandidate, signature)?.isNominating).toBe(true)
  expect(check(name, signature, useCandidate)?.isNominating).toBe(false)
})
