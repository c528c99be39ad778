/** Strangers and broken clients at the embedded media server: they harm nobody but themselves. */
import {
  AddTrackRequest,
  JoinRequest,
  SessionDescription,
  SignalRequest,
  SignalResponse,
  TrackType,
  WrappedJoinRequest,
} from '@livekit/protocol'
import { createSocket } from 'node:dgram'
import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RTCPeerConnection, RtpHeader } from 'werift'
import { afterAll, afterEach, expect, test } from 'vitest'
import type { SignalSession } from '../../../server/media/link/signal.ts'
import { verifyMediaToken } from '../../../server/media/api/media-token.ts'
import { mediaKeys, startMediaCarrier, type MediaCarrier } from '../../support/media-carrier.ts'
import { disposeRtc, joinAsPerson, type RtcPerson } from '../../support/rtc-person.ts'
import { until } from '../../support/until.ts'

let carrier: MediaCarrier
const people: RtcPerson[] = []

async function enter(identity: string): Promise<RtcPerson> {
  const token = await carrier.token(identity, 'lounge')
  const person = await joinAsPerson({ livekitUrl: carrier.url, token, e2eeKey: 'secret' })
  people.push(person)
  return person
}

async function meet(): Promise<[RtcPerson, RtcPerson]> {
  const [ada, bo] = [await enter('ada'), await enter('bo')]
  await Promise.all([ada.playTone(440), bo.playTone(880), ada.showPicture()])
  await Promise.all([ada.untilHears('bo', 880), bo.untilHears('ada', 440)])
  return [ada, bo]
}

async function stillFine([ada, bo]: [RtcPerson, RtcPerson]): Promise<void> {
  await Promise.all([
    ada.untilHears('bo', 880),
    bo.untilHears('ada', 440),
    bo.untilPictures('ada', 10),
  ])
  expect([ada.disconnectReason, bo.disconnectReason]).toEqual([null, null])
}

/** A client without WebRTC: what it is told, and the way to say anything. */
async function intrude(identity: string, query = '') {
  const verdict = verifyMediaToken(await carrier.token(identity, 'lounge'), {
    ...mediaKeys,
    now: Date.now(),
  })
  if (!verdict.ok) throw new Error(verdict.why)
  const told: SignalResponse['message'][] = []
  let isClosed = false
  const session: SignalSession = carrier.server.connect(
    { path: query ? '/rtc/v1' : '/rtc', query, grants: verdict.grants },
    {
      send: (frame) => told.push(SignalResponse.fromBinary(frame).message),
      close: () => {
        isClosed = true
      },
    },
  )
  return {
    told,
    session,
    get isClosed() {
      return isClosed
    },
    say: (message: SignalRequest['message']) => {
      session.receive(new SignalRequest({ message }).toBinary())
    },
  }
}

/** mulberry32 */
function createDice(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const seed = Number(process.env['SEED'] ?? 20_260_728)

const offer = [
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv',
  `a=fingerprint:sha-256 ${'AB:'.repeat(31)}AB\r\na=setup:actpass\r\na=sendrecv\r\na=msid:s cid`,
  'a=rtpmap:111 opus/48000/2\r\na=ssrc:1234 cname:x\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n',
].join('\r\n')
const toOffer = (sdp: string): SignalRequest['message'] => ({
  case: 'offer',
  value: new SessionDescription({ type: 'offer', sdp, id: 1 }),
})

afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.leave().catch(() => undefined)))
  await carrier.close()
})
afterAll(disposeRtc)

test(`random and mangled signalling ends only the sender’s session (SEED=${seed})`, async () => {
  carrier = await startMediaCarrier()
  const both = await meet()
  const dice = createDice(seed)
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => dice(256)))
  for (let round = 0; round < 300; round += 1) {
    const eve = await intrude('eve')
    if (round % 3 === 0) eve.session.receive(bytes(dice(400)))
    if (round % 3 === 1) {
      const frame = Buffer.from(new SignalRequest({ message: toOffer(offer) }).toBinary())
      for (let hit = 0; hit <= dice(12); hit += 1) frame[dice(frame.length)] = dice(256)
      eve.session.receive(frame)
    }
    if (round % 3 === 2) {
      const lines = offer.split('\r\n')
      for (let cut = 0; cut <= dice(6); cut += 1) lines.splice(dice(lines.length), dice(3))
      eve.say(toOffer(lines.join('\r\n')))
      eve.say(toOffer(offer))
    }
    eve.session.closed()
    eve.session.receive(bytes(40))
  }
  await stillFine(both)
  expect(carrier.server.rooms.participants('lounge')).toHaveLength(2)
})

test('an enormous session description is refused, and its sender with it', async () => {
  carrier = await startMediaCarrier()
  const both = await meet()
  const section = offer.slice(offer.indexOf('m=audio'), offer.indexOf('m=application'))
  const many = Array.from({ length: 900 }, (_, mid) => section.replace('a=mid:0', `a=mid:${mid}`))
  for (const sdp of [
    offer + many.join(''),
    offer.repeat(2),
    `${offer}a=x:${'y'.repeat(900_000)}`,
    'v=0',
    '',
  ]) {
    const eve = await intrude('eve')
    eve.say(toOffer(sdp))
    expect(eve.isClosed).toBe(true)
    expect(eve.told.at(-1)?.case).toBe('leave')
  }
  const heavy = await intrude('eve')
  heavy.say(toOffer(many.join('').repeat(5)))
  expect(heavy.isClosed).toBe(true)
  const flood = await intrude('eve')
  for (let index = 0; index < 2_000; index += 1) {
    const value = new AddTrackRequest({ cid: `c${index}`, type: TrackType.AUDIO })
    flood.say({ case: 'addTrack', value })
  }
  expect(flood.told.filter((message) => message.case === 'trackPublished')).toHaveLength(20)
  flood.session.receive(Buffer.alloc(2_000_000))
  expect(flood.isClosed).toBe(true)
  await stillFine(both)
})

test('a join request that cannot be read, or is a bomb, is refused before a room is opened', async () => {
  carrier = await startMediaCarrier()
  const wrapped = new WrappedJoinRequest({ joinRequest: new JoinRequest().toBinary() }).toBinary()
  await expect(intrude('eve', 'join_request=%00%00nonsense')).rejects.toThrow('join request')
  await expect(intrude('eve', 'nothing=1')).rejects.toThrow('join_request')
  expect(carrier.server.rooms.list([])).toEqual([])
  const fine = await intrude('eve', `join_request=${Buffer.from(wrapped).toString('base64url')}`)
  expect(fine.told[0]?.case).toBe('join')
  fine.session.closed()
})

test(`random UDP, and what looks like STUN, DTLS, RTP, ends nothing (SEED=${seed})`, async () => {
  carrier = await startMediaCarrier()
  const both = await meet()
  const eve = await intrude('eve')
  eve.say(toOffer(offer))
  const answer = eve.told.find((message) => message.case === 'answer')
  const sdp = answer?.case === 'answer' ? answer.value.sdp : ''
  const port = Number(/typ host/.test(sdp) && / 127\.0\.0\.1 (\d+) typ host/.exec(sdp)?.[1])
  expect(port).toBeGreaterThan(0)
  const dice = createDice(seed)
  const firstBytes = [0, 1, 20, 21, 22, 23, 128, 144, 200, 255]
  const sockets = Array.from({ length: 3 }, () => createSocket('udp4'))
  for (let round = 0; round < 5_000; round += 1) {
    const packet = Buffer.from(Array.from({ length: dice(300) }, () => dice(256)))
    const first = firstBytes[round % firstBytes.length]
    if (packet.length > 8 && first !== undefined) packet[0] = first
    if (packet.length > 8 && round % 4 === 0) packet.writeUInt32BE(0x2112a442, 4)
    await new Promise((resolve) =>
      sockets[round % sockets.length]?.send(packet, port, '127.0.0.1', resolve),
    )
  }
  for (const socket of sockets) socket.close()
  await stillFine(both)
})

test(`a client that got as far as DTLS and sends rubbish through it ends nothing (SEED=${seed})`, async () => {
  carrier = await startMediaCarrier()
  const both = await meet()
  const eve = await intrude('eve')
  const connection = new RTCPeerConnection({ iceServers: [], iceUseIpv6: false })
  try {
    const channel = connection.createDataChannel('_reliable')
    await connection.setLocalDescription(await connection.createOffer())
    eve.say(toOffer(connection.localDescription?.sdp ?? ''))
    const answer = eve.told.find((message) => message.case === 'answer')
    const sdp = answer?.case === 'answer' ? answer.value.sdp : ''
    await connection.setRemoteDescription({ type: 'answer', sdp })
    await until('Eve’s channel is open', 10_000, () => channel.readyState === 'open')
    const dice = createDice(seed)
    const dtls = connection.dtlsTransports[0]
    const sctp = connection.sctpTransport?.sctp
    if (!dtls || !sctp) throw new Error('no transports')
    const header = { payloadType: 111, ssrc: 1234, sequenceNumber: 1, timestamp: 1 }
    for (let round = 0; round < 300; round += 1) {
      const rubbish = Buffer.from(Array.from({ length: 1 + dice(200) }, () => dice(256)))
      await dtls.sendData(rubbish)
      await dtls.sendRtp(rubbish, new RtpHeader({ ...header, sequenceNumber: round }))
      channel.send(rubbish)
    }
    // Of no kind that there is, and an acknowledgement of a channel that there is not.
    await sctp.send(channel.id ?? 0, 99, Buffer.from('what?'))
    await sctp.send(77, 50, Buffer.from([2]))
    await until('the server has put it aside', 5_000, () => carrier.warnings.length > 0)
    await stillFine(both)
  } finally {
    await connection.close()
    eve.session.closed()
  }
})

test('a hundred connects at once leave the two in the call alone', async () => {
  carrier = await startMediaCarrier()
  const both = await meet()
  const crowd = await Promise.all(
    Array.from({ length: 100 }, (_, index) => intrude(`stranger-${index}`)),
  )
  const inside = crowd.filter(({ told }) => told[0]?.case === 'join')
  expect(inside).toHaveLength(6)
  for (const { session } of crowd) session.closed()
  await stillFine(both)
  expect(carrier.server.rooms.participants('lounge')).toHaveLength(2)
})

test('twenty rounds of joining and leaving leave memory, timers and descriptors where they were', async () => {
  carrier = await startMediaCarrier()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const count = () => {
    collect()
    return {
      timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
      descriptors: readdirSync('/proc/self/fd').length,
      heapMb: process.memoryUsage().heapUsed / 1e6,
    }
  }
  const round = async () => {
    await meet()
    await Promise.all(people.splice(0).map((person) => person.leave()))
    carrier.server.rooms.delete('lounge')
  }
  for (let warmUp = 0; warmUp < 4; warmUp += 1) await round()
  const before = count()
  for (let index = 0; index < 16; index += 1) await round()
  await until('timers and descriptors are back', 10_000, () => {
    const after = count()
    return after.timers <= before.timers && after.descriptors <= before.descriptors
  })
  expect(count().heapMb - before.heapMb).toBeLessThan(4)
}, 120_000)
