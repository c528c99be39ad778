/** A stream that was silent while its numbers went round. */
import { RtpHeader, SrtpSession } from 'werift'
import { expect, test } from 'vitest'
import { noticeRollover } from '../../../../server/media/transport/srtp-rollover.ts'

test('a stream that was silent over the end of the 16 bits is read again afterwards', () => {
  const key = (fill: number) => Buffer.alloc(16, fill)
  const salt = (fill: number) => Buffer.alloc(12, fill)
  const sides = {
    sender: { local: 1, remote: 2 },
    receiver: { local: 2, remote: 1 },
  }
  const open = ({ local, remote }: { local: number; remote: number }) =>
    new SrtpSession({
      profile: 0x0007,
      keys: {
        localMasterKey: key(local),
        localMasterSalt: salt(local),
        remoteMasterKey: key(remote),
        remoteMasterSalt: salt(remote),
      },
    })
  const [sender, receiver] = [open(sides.sender), open(sides.receiver)]
  const payload = Buffer.from('sound')
  let read = 0
  // Number 65300 to 65535, on to 0 and to 400: the receiver misses 65350 to 250.
  for (let count = 65_300; count < 65_536 + 400; count += 1) {
    const header = new RtpHeader({ sequenceNumber: count & 0xffff, ssrc: 4, payloadType: 111 })
    const packet = sender.encrypt(payload, header)
    if (count >= 65_350 && count < 65_536 + 250) continue
    noticeRollover(receiver.remoteContext.srtpSSRCStates, packet)
    expect(receiver.decrypt(packet).subarray(12)).toEqual(payload)
    read += 1
  }
  expect(read).toBe(200)
})
