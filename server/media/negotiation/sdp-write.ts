/** Writes the media server's session descriptions, answers and offers alike. */
import type { SdpKind } from './sdp-parse.ts'

export interface SdpTransport {
  ufrag: string
  password: string
  fingerprint: string
  candidates: readonly { address: string; port: number }[]
}

/** What we send in a section. */
export interface SdpSending {
  streamId: string
  trackId: string
  ssrc: number
  rtxSsrc: number | null
}

export interface SdpWrittenSection {
  kind: SdpKind
  mid: string
  protocol: string
  /** A refused section has port 0 and nothing else. */
  isRefused: boolean
  direction: 'sendonly' | 'recvonly' | 'inactive'
  codec: { main: number; rtx: number | null }
  extensions: { id: number; uri: string }[]
  sending: SdpSending | null
  /** The layers that we want of a sender with several. */
  receiveRids: readonly string[]
  sctpPort: number | null
}

export interface SdpWritten {
  sessionId: number
  version: number
  type: 'offer' | 'answer'
  transport: SdpTransport
  maxMessageBytes: number
  sections: SdpWrittenSection[]
}

export function writeSdp(sdp: SdpWritten): string {
  const bundled = sdp.sections.filter((section) => !section.isRefused).map(({ mid }) => mid)
  const lines = [
    'v=0',
    `o=- ${sdp.sessionId} ${sdp.version} IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    `a=group:BUNDLE ${bundled.join(' ')}`,
    'a=extmap-allow-mixed',
    'a=msid-semantic: WMS *',
    'a=ice-lite',
    ...sdp.sections.flatMap((section, index) => writeSection(sdp, section, index)),
  ]
  return `${lines.join('\r\n')}\r\n`
}

function writeSection(sdp: SdpWritten, section: SdpWrittenSection, index: number): string[] {
  const { kind, mid, protocol, codec } = section
  const formats =
    kind === 'application'
      ? 'webrtc-datachannel'
      : [codec.main, ...(codec.rtx === null ? [] : [codec.rtx])].join(' ')
  if (section.isRefused) {
    return [`m=${kind} 0 ${protocol} ${formats}`, 'c=IN IP4 0.0.0.0', 'a=inactive', `a=mid:${mid}`]
  }
  return [
    `m=${kind} 9 ${protocol} ${formats}`,
    'c=IN IP4 0.0.0.0',
    ...(kind === 'application' ? [] : ['a=rtcp:9 IN IP4 0.0.0.0']),
    `a=ice-ufrag:${sdp.transport.ufrag}`,
    `a=ice-pwd:${sdp.transport.password}`,
    `a=fingerprint:sha-256 ${sdp.transport.fingerprint}`,
    `a=setup:${sdp.type === 'offer' ? 'actpass' : 'passive'}`,
    `a=mid:${mid}`,
    ...(kind === 'application'
      ? [`a=sctp-port:${section.sctpPort ?? 5_000}`, `a=max-message-size:${sdp.maxMessageBytes}`]
      : writeMedia(section)),
    // The rest of the bundle goes the same way.
    ...(index === 0 ? writeCandidates(sdp.transport.candidates) : []),
  ]
}

function writeMedia(section: SdpWrittenSection): string[] {
  const { kind, codec, extensions, sending, receiveRids } = section
  return [
    ...extensions.map(({ id, uri }) => `a=extmap:${id} ${uri}`),
    `a=${section.direction}`,
    'a=rtcp-mux',
    'a=rtcp-rsize',
    ...(kind === 'audio' ? opus(codec.main) : vp8(codec)),
    ...receiveRids.map((rid) => `a=rid:${rid} recv`),
    ...(receiveRids.length === 0 ? [] : [`a=simulcast:recv ${receiveRids.join(';')}`]),
    ...(sending === null ? [] : writeSending(sending)),
  ]
}

function opus(payloadType: number): string[] {
  return [
    `a=rtpmap:${payloadType} opus/48000/2`,
    `a=rtcp-fb:${payloadType} transport-cc`,
    `a=fmtp:${payloadType} minptime=10;useinbandfec=1`,
  ]
}

function vp8({ main, rtx }: SdpWrittenSection['codec']): string[] {
  const feedback = ['nack', 'nack pli', 'transport-cc']
  return [
    `a=rtpmap:${main} VP8/90000`,
    ...feedback.map((kind) => `a=rtcp-fb:${main} ${kind}`),
    ...(rtx === null ? [] : [`a=rtpmap:${rtx} rtx/90000`, `a=fmtp:${rtx} apt=${main}`]),
  ]
}

function writeSending({ streamId, trackId, ssrc, rtxSsrc }: SdpSending): string[] {
  const describe = (of: number) => [
    `a=ssrc:${of} cname:${streamId}`,
    `a=ssrc:${of} msid:${streamId} ${trackId}`,
  ]
  return [
    `a=msid:${streamId} ${trackId}`,
    ...(rtxSsrc === null ? [] : [`a=ssrc-group:FID ${ssrc} ${rtxSsrc}`]),
    ...describe(ssrc),
    ...(rtxSsrc === null ? [] : describe(rtxSsrc)),
  ]
}

function writeCandidates(candidates: SdpTransport['candidates']): string[] {
  return [
    ...candidates.map(({ address, port }, index) => {
      // Host candidates, the first address preferred.
      const priority = 126 * 2 ** 24 + (65_535 - index) * 2 ** 8 + 255
      return `a=candidate:${index + 1} 1 udp ${priority} ${address} ${port} typ host`
    }),
    'a=end-of-candidates',
  ]
}
