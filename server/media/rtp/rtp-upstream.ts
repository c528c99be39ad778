/**
 * What a client sends: finds the track of each packet, mends losses, and tells the client how its
 * packets arrive.
 */
import { RtcpSrPacket, RtpHeader, RtpPacket, type RtcpPacket } from 'werift'
import {
  findExtension,
  toExtensionIds,
  type ExtensionIds,
  type HeaderExtension,
} from './header-extensions.ts'
import type { PublishedTrack } from './published-track.ts'
import { writeNack, writePictureLoss, writeReceiverReport } from './rtcp-write.ts'
import { createRtpReception, type RtpReception } from './rtp-reception.ts'
import { writeTransportFeedback, type Arrival } from './transport-feedback.ts'

export interface RtpUpstream {
  readonly packetsReceived: number
  /** Of the track that lost most in the last second. */
  readonly lossShare: number
  /** Of a section that the client sends in; the track may become known later. */
  setSection(section: UpstreamSection): void
  removeSection(mid: string): void
  received(packet: RtpPacket): void
  reported(packet: RtcpPacket): void
  tick(at: number): void
}

/** Senders' streams. With layers that have names, these say nothing of which is which. */
export interface SenderSsrcs {
  /** The first, or the best of layers without names. */
  main: number
  /** Retransmissions of `main`. */
  rtx: number | null
  others: number[]
}

export interface UpstreamSection {
  mid: string
  /** Null: the client names none. */
  ssrcs: SenderSsrcs | null
  codec: { main: number; rtx: number | null }
  /** The layers that were asked for, the lowest first; others that come all the same are left aside. */
  rids: readonly string[]
  extensions: readonly HeaderExtension[]
  track: PublishedTrack
}

interface Main {
  ssrc: number
  reception: RtpReception
}

interface Section extends UpstreamSection {
  /** By layer; without a simulcast there is one, 0. */
  mains: Map<number, Main>
  ids: ExtensionIds
}

interface Stream {
  section: Section
  use: 'main' | 'rtx' | 'unwanted'
  layer: number
}

const reportEveryMs = 1_000
const feedbackEveryMs = 80
const maxStreams = 200
const maxArrivals = 500

export function createRtpUpstream({
  sendRtcp,
  now,
}: {
  sendRtcp(packet: Buffer): void
  now(): number
}): RtpUpstream {
  const sections = new Map<string, Section>()
  const streams = new Map<number, Stream>()
  /** The layer that a stream once said it was, whichever section it serves by now. */
  const ridBySsrc = new Map<number, string>()
  let arrivals: Arrival[] = []
  let feedbackCount = 0
  let feedbackAt = 0
  let reportedAt = 0
  let packetsReceived = 0
  let lossShare = 0
  /** The same everywhere in a bundle. */
  let ids: Partial<ExtensionIds> = {}

  function deliver({ section, layer }: Stream, packet: RtpPacket): void {
    const { header } = packet
    let main = section.mains.get(layer)
    if (main?.ssrc !== header.ssrc) {
      const { clockRate, kind } = section.track
      const reception = createRtpReception({ clockRate, isAsking: kind === 'video' })
      main = { ssrc: header.ssrc, reception }
      section.mains.set(layer, main)
      const { ssrc } = header
      const requestKeyframe = () => {
        sendRtcp(writePictureLoss(ssrc))
      }
      section.track.setSource({ requestKeyframe }, layer)
    }
    const isNew = main.reception.receive(header.sequenceNumber, header.timestamp, now())
    if (!isNew) return
    const level = findExtension(header, section.ids.audioLevel)?.[0]
    section.track.received(packet, level === undefined ? null : level & 0x7f, layer)
  }

  /** RFC 4588: the first two bytes are the number of the packet that was lost. */
  function deliverRetransmission(stream: Stream, { header, payload }: RtpPacket): void {
    const { section } = stream
    const main = section.mains.get(stream.layer)
    if (!main || payload.length < 3) return
    const { marker, timestamp } = header
    const original = new RtpHeader({
      payloadType: section.codec.main,
      sequenceNumber: payload.readUInt16BE(0),
      ssrc: main.ssrc,
      marker,
      timestamp,
    })
    deliver(stream, new RtpPacket(original, payload.subarray(2)))
  }

  function identify(header: RtpHeader): Stream | undefined {
    const mid = findExtension(header, ids.mid)?.toString('latin1')
    const section = mid === undefined ? findSectionBySsrc(header.ssrc) : sections.get(mid)
    if (!section || streams.size >= maxStreams) return undefined
    const rid = findExtension(header, section.ids.rid)?.toString('latin1')
    const repaired = findExtension(header, section.ids.repairedRid)?.toString('latin1')
    const layer = rid ?? repaired ?? ridBySsrc.get(header.ssrc)
    if (layer !== undefined && ridBySsrc.size < maxStreams) ridBySsrc.set(header.ssrc, layer)
    const { rids } = section
    // Its packets name it until the first report of ours has come.
    if (rids.length > 1 && layer === undefined) return undefined
    const index = layer === undefined || rids.length === 0 ? 0 : rids.indexOf(layer)
    const isRtx = header.payloadType === section.codec.rtx
    const use = index < 0 ? 'unwanted' : isRtx ? 'rtx' : 'main'
    const stream: Stream = { section, use, layer: index }
    streams.set(header.ssrc, stream)
    return stream
  }

  /** A packet without its section's name: after the first ones they go without. */
  function findSectionBySsrc(ssrc: number): Section | undefined {
    return [...sections.values()].find(({ ssrcs }) => ssrcs && ofAll(ssrcs).includes(ssrc))
  }

  const receptions = () => [...sections.values()].flatMap(({ mains }) => [...mains.values()])

  function sendFeedback(): void {
    const [first] = arrivals
    const main = [...streams.keys()][0]
    if (!first || main === undefined) return
    const ahead = ({ sequence }: Arrival) =>
      ((sequence - first.sequence + 0x8000) & 0xffff) - 0x8000
    const ordered = arrivals
      .sort((a, b) => ahead(a) - ahead(b))
      .filter(({ sequence }, index, all) => sequence !== all[index - 1]?.sequence)
    arrivals = []
    const feedback = writeTransportFeedback(main, feedbackCount, ordered)
    feedbackCount += 1
    if (feedback) sendRtcp(feedback)
  }

  return {
    get packetsReceived() {
      return packetsReceived
    },
    get lossShare() {
      return lossShare
    },
    setSection(next) {
      ids = toExtensionIds(next.extensions)
      const known = sections.get(next.mid)
      // The same track in the same section goes on counting where it was.
      const isSame = known?.track === next.track
      const mains: Section['mains'] = isSame ? known.mains : new Map<number, Main>()
      if (known && known.track !== next.track) this.removeSection(next.mid)
      const section: Section = { ...next, mains, ids: toExtensionIds(next.extensions) }
      sections.set(next.mid, section)
      for (const stream of streams.values()) if (stream.section === known) stream.section = section
      // Which of them has which layer, its packets say.
      if (!next.ssrcs || next.rids.length > 0) return
      const { main: first, rtx, others } = next.ssrcs
      for (const ssrc of others) streams.set(ssrc, { section, use: 'unwanted', layer: 0 })
      streams.set(first, { section, use: 'main', layer: 0 })
      if (rtx !== null) streams.set(rtx, { section, use: 'rtx', layer: 0 })
    },
    removeSection(mid) {
      const section = sections.get(mid)
      if (!section) return
      sections.delete(mid)
      section.track.removeSources()
      for (const [ssrc, stream] of streams) if (stream.section === section) streams.delete(ssrc)
    },
    received(packet) {
      packetsReceived += 1
      const { header } = packet
      const transport = findExtension(header, ids.transportSequence)
      if (transport && transport.length >= 2 && arrivals.length < maxArrivals) {
        const atUs = Math.round(performance.now() * 1000)
        arrivals.push({ sequence: transport.readUInt16BE(0), atUs })
      }
      const stream = streams.get(header.ssrc) ?? identify(header)
      if (!stream || stream.use === 'unwanted') return
      const { section } = stream
      if (stream.use === 'rtx') deliverRetransmission(stream, packet)
      else if (header.payloadType === section.codec.main) deliver(stream, packet)
    },
    reported(packet) {
      if (!(packet instanceof RtcpSrPacket)) return
      const stream = streams.get(packet.ssrc)
      const main = stream?.section.mains.get(stream.layer)
      if (!stream || main?.ssrc !== packet.ssrc) return
      const { ntpTimestamp, rtpTimestamp } = packet.senderInfo
      main.reception.senderReported(ntpTimestamp, now())
      stream.section.track.senderReported(ntpTimestamp, rtpTimestamp, packet.ssrc)
    },
    tick(at) {
      for (const { ssrc, reception } of receptions()) {
        const missing = reception.missing(at)
        if (missing.length > 0) sendRtcp(writeNack(ssrc, missing))
      }
      if (at - feedbackAt >= feedbackEveryMs) {
        feedbackAt = at
        sendFeedback()
      }
      if (at - reportedAt >= reportEveryMs) {
        reportedAt = at
        const reports = receptions().map(({ ssrc, reception }) => reception.report(ssrc, at))
        lossShare = Math.max(0, ...reports.map(({ fractionLost }) => fractionLost / 256))
        if (reports.length > 0) sendRtcp(writeReceiverReport(reports))
      }
    },
  }
}

const ofAll = ({ main, rtx, others }: SenderSsrcs) => [main, rtx, ...others]
