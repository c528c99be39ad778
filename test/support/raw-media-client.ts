/**
 * A client of the media server that says what it is told to say, in any browser's form: session
 * descriptions from files, packets made by hand, over real ICE, DTLS and SRTP.
 */
import {
  AddTrackRequest,
  ConnectionSettings,
  JoinRequest,
  SessionDescription,
  SignalRequest,
  SignalResponse,
  WrappedJoinRequest,
  type ParticipantInfo,
  type TrackInfo,
} from '@livekit/protocol'
import {
  IceCandidate,
  RTCDtlsFingerprint,
  RTCDtlsParameters,
  RTCDtlsTransport,
  RTCIceGatherer,
  RTCIceParameters,
  RTCIceTransport,
  RtpHeader,
} from 'werift'
import WebSocket from 'ws'
import { parseSdp } from '../../server/media/negotiation/sdp-parse.ts'
import { until } from './until.ts'

const timeoutMs = 10_000

/** A packet, with what its header says of the section and the layer. */
export interface RawPacket {
  ssrc: number
  payloadType: number
  /** Header extensions by their number in the offer. */
  extensions?: Record<number, string>
  payload: string
}

export interface RawMediaClient {
  readonly answers: string[]
  announce(track: ConstructorParameters<typeof AddTrackRequest>[0]): Promise<TrackInfo>
  /** The offer, with this client's own ICE name and certificate; gives the answer. */
  offer(sdp: string): Promise<string>
  send(packet: RawPacket): void
  /** What others publish, as the server tells it. */
  tracksOf(identity: string): TrackInfo[]
  /** What arrived of a track, in order. */
  payloadsOf(trackSid: string): string[]
  close(): Promise<void>
}

export async function joinRaw(
  url: string,
  token: string,
  { isSinglePeer }: { isSinglePeer: boolean },
): Promise<RawMediaClient> {
  const socket = new WebSocket(
    `${url}/rtc${isSinglePeer ? '/v1' : ''}?${query(token, isSinglePeer)}`,
  )
  const others = new Map<string, ParticipantInfo>()
  const published: { cid: string; track?: TrackInfo }[] = []
  const answers: string[] = []
  const lines: { up?: Line; down?: Line } = {}
  const sequences = new Map<number, number>()
  const payloads = new Map<string, string[]>()
  let tracksByMid: Record<string, string> = {}
  let isIn = false
  let offers = 0

  const ask = (message: SignalRequest['message']) => {
    socket.send(new SignalRequest({ message }).toBinary())
  }
  const know = (participants: ParticipantInfo[]) => {
    for (const participant of participants) others.set(participant.identity, participant)
  }

  async function take({ message }: SignalResponse): Promise<void> {
    switch (message.case) {
      case 'join':
        isIn = true
        know(message.value.otherParticipants)
        return
      case 'update':
        know(message.value.participants)
        return
      case 'trackPublished':
        published.push(message.value)
        return
      case 'answer':
        answers.push(message.value.sdp)
        return
      case 'offer':
        await answer(message.value)
        return
      default:
    }
  }

  /** To what the server offers: everything is taken, and kept by its track. */
  async function answer({ id, sdp, midToTrackId }: SessionDescription): Promise<void> {
    tracksByMid = { ...tracksByMid, ...midToTrackId }
    const isFirst = !lines.down
    const line = (lines.down ??= await openLine())
    ask({
      case: 'answer',
      value: new SessionDescription({ type: 'answer', id, sdp: writeAnswer(line) }),
    })
    if (!isFirst) return
    line.dtls.onRtp.subscribe(({ header, payload }) => {
      const mid = header.extensions.find((extension) => extension.id === 1)?.payload.toString()
      const track = tracksByMid[mid ?? ''] ?? ''
      payloads.set(track, [...(payloads.get(track) ?? []), payload.toString()])
    })
    await connect(line, sdp)
  }

  // One after the other: the socket's order is the order of what is done.
  let last = Promise.resolve()
  socket.on('message', (frame: Buffer) => {
    const response = SignalResponse.fromBinary(frame)
    last = last.then(() => take(response))
  })
  await until('the server lets the client in', timeoutMs, () => isIn)

  return {
    answers,
    async announce(track) {
      const request = new AddTrackRequest(track)
      ask({ case: 'addTrack', value: request })
      const info = await until(`${request.cid} is taken`, timeoutMs, () =>
        published.find(({ cid }) => cid === request.cid),
      )
      if (!info.track) throw new Error('announced, and no track')
      return info.track
    },
    async offer(sdp) {
      const isFirst = !lines.up
      const line = (lines.up ??= await openLine())
      const before = answers.length
      offers += 1
      const own = withOwn(line, sdp)
      ask({ case: 'offer', value: new SessionDescription({ type: 'offer', id: offers, sdp: own }) })
      const text = await until('an answer', timeoutMs, () => answers[before])
      if (isFirst) await connect(line, text)
      return text
    },
    send({ ssrc, payloadType, extensions = {}, payload }) {
      if (!lines.up) throw new Error('nothing was offered')
      const sequenceNumber = (sequences.get(ssrc) ?? 1_000) + 1
      sequences.set(ssrc, sequenceNumber)
      const header = new RtpHeader({
        ssrc,
        payloadType,
        sequenceNumber,
        timestamp: sequenceNumber * 960,
        extension: true,
        extensions: Object.entries(extensions).map(([id, value]) => ({
          id: Number(id),
          payload: Buffer.from(value),
        })),
      })
      void lines.up.dtls.sendRtp(Buffer.from(payload), header)
    },
    tracksOf: (identity) => others.get(identity)?.tracks ?? [],
    payloadsOf: (trackSid) => payloads.get(trackSid) ?? [],
    async close() {
      ask({ case: 'leave', value: {} as never })
      const isClosed = new Promise((resolve) => socket.once('close', resolve))
      socket.close()
      await isClosed
      for (const line of Object.values(lines)) await closeLine(line)
    },
  }
}

function query(token: string, isSinglePeer: boolean): URLSearchParams {
  const params = new URLSearchParams({ access_token: token })
  if (isSinglePeer) {
    const joinRequest = new JoinRequest({
      connectionSettings: new ConnectionSettings({ autoSubscribe: true }),
    }).toBinary()
    const wrapped = new WrappedJoinRequest({ joinRequest }).toBinary()
    params.set('join_request', Buffer.from(wrapped).toString('base64url'))
  } else {
    params.set('auto_subscribe', '1')
    params.set('protocol', '16')
  }
  return params
}

interface Line {
  ice: RTCIceTransport
  dtls: RTCDtlsTransport
  fingerprint: string
}

async function openLine(): Promise<Line> {
  const gatherer = new RTCIceGatherer({ iceLite: false, useIpv6: false })
  const ice = new RTCIceTransport(gatherer)
  ice.connection.iceControlling = true
  await ice.gather()
  const certificate = await RTCDtlsTransport.SetupCertificate()
  const dtls = new RTCDtlsTransport({}, ice, certificate, [0x0007, 0x0001])
  dtls.role = 'client'
  return { ice, dtls, fingerprint: certificate.getFingerprints()[0]?.value ?? '' }
}

async function connect({ ice, dtls }: Line, remote: string): Promise<void> {
  const [, usernameFragment = ''] = /a=ice-ufrag:(\S+)/.exec(remote) ?? []
  const [, password = ''] = /a=ice-pwd:(\S+)/.exec(remote) ?? []
  ice.setRemoteParams(new RTCIceParameters({ usernameFragment, password, iceLite: true }))
  for (const [, candidate] of remote.matchAll(/a=(candidate:\S+ 1 udp .*)/g)) {
    const parsed = IceCandidate.fromJSON({ candidate: candidate ?? '', sdpMLineIndex: 0 })
    await ice.addRemoteCandidate(parsed)
  }
  await ice.addRemoteCandidate(undefined)
  const fingerprint = parseSdp(remote).sections[0]?.fingerprint
  if (!fingerprint) throw new Error('an answer without a certificate')
  const { algorithm, value } = fingerprint
  dtls.setRemoteParams(new RTCDtlsParameters([new RTCDtlsFingerprint(algorithm, value)], 'server'))
  await ice.start()
  await dtls.start()
}

async function closeLine({ ice, dtls }: Line): Promise<void> {
  await dtls.stop()
  await ice.stop()
}

const certificateLine = /^a=fingerprint:.*$/gm

function withOwn({ ice, fingerprint }: Line, sdp: string): string {
  const { usernameFragment, password } = ice.localParameters
  return sdp
    .replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${usernameFragment}`)
    .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${password}`)
    .replace(certificateLine, `a=fingerprint:sha-256 ${fingerprint}`)
    .replaceAll('\n', '\r\n')
}

function writeAnswer(line: Line): string {
  const text = [
    'v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0',
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:0',
    'a=ice-ufrag:x\na=ice-pwd:x\na=fingerprint:x\na=setup:active\na=sctp-port:5000\n',
  ].join('\n')
  return withOwn(line, text)
}
