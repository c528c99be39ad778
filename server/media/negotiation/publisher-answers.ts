/**
 * Answers a client's offers: takes the tracks that it sends and, with a single peer connection,
 * fills the sections that it wants to receive in.
 */
import { toExtensionIds } from '../rtp/header-extensions.ts'
import type { PeerConnection } from '../rtp/peer-connection.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'
import { maxDataMessageBytes } from '../transport/peer-transport.ts'
import { chooseExtensions, choosePayloadTypes, type PayloadTypes } from './codecs.ts'
import { BadSdp, parseSdp, type SdpSection } from './sdp-parse.ts'
import { writeSdp, type SdpWrittenSection } from './sdp-write.ts'
import { assignTracks } from './section-tracks.ts'
import type { Subscription } from './subscription.ts'

export interface PublisherAnswers {
  /** Throws `BadSdp`. */
  answer(offer: string): Answer
  /** A track was announced: perhaps of a section that was offered before. */
  trackAdded(): void
  /** It is not published any more, whatever the sections say. */
  removeTrack(track: PublishedTrack): void
  /** Sections of the last offer that nothing is sent in. */
  free(kind: 'audio' | 'video'): number
}

export interface Answer {
  sdp: string
  midToTrackId: Record<string, string>
  /** Published before and not in this offer. */
  gone: PublishedTrack[]
  /** Their sections are in this answer. */
  filled: Subscription[]
}

export function createPublisherAnswers({
  connection,
  sessionId,
  announcedTracks,
  nextSubscription,
}: {
  connection: PeerConnection
  sessionId: number
  /** In the order of their announcements. */
  announcedTracks(): readonly PublishedTrack[]
  /** One that waits for a section; undefined: none, or they go another way. */
  nextSubscription(kind: 'audio' | 'video'): Subscription | undefined
}): PublisherAnswers {
  let sending: SdpSection[] = []
  let carried = new Map<string, PublishedTrack>()
  const filled = new Map<string, Subscription>()
  let free: Record<'audio' | 'video', number> = { audio: 0, video: 0 }
  let version = 0

  /** All sections that the client sends in, whatever they carry. */
  function setSending(sections: SdpSection[]): void {
    const before = carried
    sending = sections
    carried = assignTracks(sections, announcedTracks(), (mid) => before.get(mid))
    // Ended before others begin: a track may have moved to another section.
    for (const [mid, track] of before)
      if (carried.get(mid) !== track) connection.upstream.removeSection(mid)
    for (const section of sections) {
      const { mid, ssrcs, extensions } = section
      const track = carried.get(mid)
      const codec = choosePayloadTypes(section)
      if (!track || !codec) continue
      track.change({ mid })
      connection.upstream.setSection({
        mid,
        ssrcs,
        extensions,
        codec,
        rids: wantedRids(section),
        track,
      })
    }
  }

  function fill(section: SdpSection, codec: PayloadTypes): Subscription | undefined {
    const { mid } = section
    const present = filled.get(mid)
    if (present?.isEnded) {
      // Closed for this once: a section that is given on at once fires no `track`.
      filled.delete(mid)
      return undefined
    }
    if (present) return present
    if (section.kind === 'application') return undefined
    const next = nextSubscription(section.kind)
    if (!next) return undefined
    const ids = toExtensionIds(section.extensions)
    connection.downstream.setExtension(ids.transportSequence)
    next.attach({ connection, mid, codec, midExtensionId: ids.mid })
    filled.set(mid, next)
    return next
  }

  function answerSection(section: SdpSection): SdpWrittenSection {
    const { kind, mid, protocol, direction, sctpPort } = section
    const codec = choosePayloadTypes(section)
    const isSending = isSendingIn(section)
    const isRefused = isRefusedSection(section)
    const canFill = codec && !isRefused && direction === 'recvonly'
    const subscription = canFill ? fill(section, codec) : undefined
    if (canFill && !subscription && kind !== 'application') free[kind] += 1
    return {
      kind,
      mid,
      protocol,
      isRefused,
      direction: subscription ? 'sendonly' : isSending ? 'recvonly' : 'inactive',
      codec: codec ?? { main: section.codecs[0]?.payloadType ?? 0, rtx: null },
      extensions: chooseExtensions(section),
      sending: subscription?.sending ?? null,
      receiveRids: isSending ? inOrderOf(section, wantedRids(section)) : [],
      sctpPort,
    }
  }

  return {
    answer(text) {
      const { sections } = parseSdp(text)
      const ufrag = sections.find((section) => section.ufrag)?.ufrag
      const fingerprint = sections.find((section) => section.fingerprint)?.fingerprint
      if (!ufrag || !fingerprint) throw new BadSdp('neither ICE nor DTLS')
      connection.transport.setRemote({ type: 'offer', ufrag, fingerprint })
      const before = [...carried.values()]
      setSending(sections.filter((section) => isSendingIn(section) && !isRefusedSection(section)))
      const now = [...carried.values()]
      free = { audio: 0, video: 0 }
      const written = sections.map(answerSection)
      const data = sections.find(({ sctpPort, isRejected }) => sctpPort !== null && !isRejected)
      if (data?.sctpPort) connection.transport.startData(data.sctpPort)
      version += 1
      const running = [...filled].filter(([, { isEnded }]) => !isEnded)
      return {
        sdp: writeSdp({
          sessionId,
          version,
          type: 'answer',
          transport: { ...connection.transport.local, candidates: connection.transport.candidates },
          maxMessageBytes: maxDataMessageBytes,
          sections: written,
        }),
        midToTrackId: Object.fromEntries(running.map(([mid, { track }]) => [mid, track.sid])),
        gone: before.filter((track) => !now.includes(track)),
        filled: running.map(([, subscription]) => subscription),
      }
    },
    trackAdded() {
      setSending(sending)
    },
    removeTrack(track) {
      for (const [mid, known] of carried) {
        if (known !== track) continue
        connection.upstream.removeSection(mid)
        carried.delete(mid)
        sending = sending.filter((section) => section.mid !== mid)
      }
    },
    free: (kind) => free[kind],
  }
}

function isSendingIn({ kind, direction }: SdpSection): boolean {
  return kind !== 'application' && (direction === 'sendonly' || direction === 'sendrecv')
}

function isRefusedSection(section: SdpSection): boolean {
  return section.isRejected || (section.kind !== 'application' && !choosePayloadTypes(section))
}

/**
 * The smallest and the best: who has no line for the best gets the other. More of them would cost every
 * sender more than it brings.
 */
function wantedRids({ sendRids }: SdpSection): string[] {
  // LiveKit's own names, whatever their order; others come from small to large.
  const names = ['q', 'h', 'f']
  const isNamed = sendRids.every((rid) => names.includes(rid))
  const ordered = isNamed ? names.filter((name) => sendRids.includes(name)) : sendRids
  return ordered.filter((_, index) => index === 0 || index === ordered.length - 1)
}

/** The client’s own order. */
function inOrderOf({ sendRids }: SdpSection, rids: string[]): string[] {
  return sendRids.filter((rid) => rids.includes(rid))
}
