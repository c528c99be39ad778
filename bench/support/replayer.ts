/** One person of a bench: LiveKit's signalling with two peer connections of werift, prepared packets for media. */
import {
  AddTrackRequest,
  SessionDescription,
  SignalRequest,
  SignalResponse,
  SignalTarget,
  TrackSource,
  TrackType,
  TrickleRequest,
} from '@livekit/protocol'
import { MediaStreamTrack, RTCPeerConnection, RtpHeader, RtpPacket } from 'werift'
import WebSocket from 'ws'
import { until } from '../../test/support/until.ts'
import { prepareMicrophone, prepareCamera, type Recording } from './recording.ts'

export interface Replayer {
  sent(): number
  received(): number
  /** Resolves when so many tracks of the others have brought a packet. */
  untilTracks(count: number): Promise<void>
}

const timeoutMs = 20_000

/** Resolves when both tracks go out. */
export async function connectReplayer(url: string, token: string): Promise<Replayer> {
  const query = new URLSearchParams({ access_token: token, auto_subscribe: '1', protocol: '15' })
  const socket = new WebSocket(`${url}/rtc?${query}`)
  const ask = (message: SignalRequest['message']) =>
    socket.send(new SignalRequest({ message }).toBinary())
  const options = { iceServers: [], iceUseIpv6: false }
  const up = new RTCPeerConnection(options)
  const down = new RTCPeerConnection(options)
  let sent = 0
  let received = 0
  const tracksOfOthers = new Set<MediaStreamTrack>()
  const heard = new Set<MediaStreamTrack>()
  const published = new Set<string>()
  let isIn = false

  down.onTrack.subscribe((track) => {
    // werift tells of it again with each offer.
    if (tracksOfOthers.has(track)) return
    tracksOfOthers.add(track)
    track.onReceiveRtp.subscribe(() => {
      received += 1
      heard.add(track)
    })
  })
  for (const [peer, target] of [
    [up, SignalTarget.PUBLISHER],
    [down, SignalTarget.SUBSCRIBER],
  ] as const) {
    peer.onIceCandidate.subscribe((candidate) => {
      if (!candidate) return
      const candidateInit = JSON.stringify(candidate.toJSON())
      ask({ case: 'trickle', value: new TrickleRequest({ candidateInit, target }) })
    })
  }

  async function take({ message }: SignalResponse): Promise<void> {
    switch (message.case) {
      case 'join':
        isIn = true
        return
      case 'trackPublished':
        published.add(message.value.cid)
        return
      case 'answer':
        await up.setRemoteDescription({ type: 'answer', sdp: message.value.sdp })
        return
      case 'offer': {
        await down.setRemoteDescription({ type: 'offer', sdp: message.value.sdp })
        await down.setLocalDescription(await down.createAnswer())
        ask({ case: 'answer', value: describe(down, 'answer', message.value.id) })
        return
      }
      case 'trickle': {
        const peer = message.value.target === SignalTarget.PUBLISHER ? up : down
        await peer.addIceCandidate(JSON.parse(message.value.candidateInit) as RTCIceCandidateInit)
        return
      }
      default:
    }
  }
  // One after the other: an offer is answered before the next one is looked at.
  let last = Promise.resolve()
  socket.on('message', (data: Buffer) => {
    const response = SignalResponse.fromBinary(data)
    last = last.then(() => take(response))
  })

  await until('LiveKit lets the person in', timeoutMs, () => isIn)
  const tracks = (['audio', 'video'] as const).map((kind) => new MediaStreamTrack({ kind }))
  for (const track of tracks) {
    up.addTransceiver(track, { direction: 'sendonly' })
    const isSound = track.kind === 'audio'
    ask({
      case: 'addTrack',
      value: new AddTrackRequest({
        cid: track.uuid,
        name: track.kind,
        type: isSound ? TrackType.AUDIO : TrackType.VIDEO,
        source: isSound ? TrackSource.MICROPHONE : TrackSource.CAMERA,
        ...(isSound ? {} : { width: 640, height: 360 }),
      }),
    })
  }
  await until('both tracks are announced', timeoutMs, () => published.size === 2)
  await up.setLocalDescription(await up.createOffer())
  const offer = describe(up, 'offer', 1)
  // werift leaves out which track a section is of.
  offer.sdp = tracks.reduce(
    (sdp, { uuid }, mid) => sdp.replace(`a=mid:${mid}`, `a=mid:${mid}\r\na=msid:- ${uuid}`),
    offer.sdp,
  )
  ask({ case: 'offer', value: offer })
  await until('the person is connected', timeoutMs, () => up.connectionState === 'connected')

  for (const track of tracks) {
    replay(track.kind === 'audio' ? prepareMicrophone() : prepareCamera(), (packet) => {
      track.writeRtp(packet)
      sent += 1
    })
  }
  return {
    sent: () => sent,
    received: () => received,
    untilTracks: async (count) => {
      await until(`${count} tracks arrive`, timeoutMs, () => heard.size >= count)
    },
  }
}

function describe(
  peer: RTCPeerConnection,
  type: 'offer' | 'answer',
  id: number,
): SessionDescription {
  return new SessionDescription({ type, sdp: peer.localDescription?.sdp ?? '', id })
}

/** By the clock, so that a late timer is caught up with. */
function replay(
  { packets, everyMs, ticksPerMs }: Recording,
  send: (packet: RtpPacket) => void,
): void {
  const began = performance.now()
  let frame = 0
  let sequenceNumber = 0
  setInterval(() => {
    for (; frame * everyMs <= performance.now() - began; frame += 1) {
      const parts = packets[frame % packets.length] ?? []
      for (const [i, payload] of parts.entries()) {
        const packet = new RtpPacket(new RtpHeader(), payload)
        packet.header.sequenceNumber = sequenceNumber
        packet.header.timestamp = (frame * everyMs * ticksPerMs) >>> 0
        packet.header.marker = i === parts.length - 1
        sequenceNumber = (sequenceNumber + 1) & 0xffff
        send(packet)
      }
    }
  }, 10)
}
