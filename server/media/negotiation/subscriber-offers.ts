/**
 * Offers tracks to a client that has a second peer connection for them. One offer is on its way at
 * a time; what changes meanwhile goes into the next.
 */
import type { PeerConnection } from '../rtp/peer-connection.ts'
import { maxDataMessageBytes } from '../transport/peer-transport.ts'
import { ownMidExtension, ownPayloadTypes, ownTransportExtension } from './codecs.ts'
import { BadSdp, parseSdp } from './sdp-parse.ts'
import { writeSdp, type SdpWrittenSection } from './sdp-write.ts'
import type { Subscription } from './subscription.ts'

export interface Offer {
  id: number
  sdp: string
  midToTrackId: Record<string, string>
}

export interface SubscriberOffers {
  /** Something has changed: offers now, or as soon as the client has answered. */
  negotiate(): void
  /** Throws `BadSdp`. Answers to other offers than the last are of no interest. */
  answered(id: number, answer: string): void
  /** After a resume: new ICE names, and whatever was not answered goes out again. */
  restart(): void
}

interface Section {
  kind: 'audio' | 'video'
  mid: string
  subscription: Subscription | null
  /** It has been inactive for one negotiation, so it may serve again. */
  isFree: boolean
}

const dataMid = '0'
const protocol = 'UDP/TLS/RTP/SAVPF'

export function createSubscriberOffers({
  connection,
  sessionId,
  nextSubscription,
  send,
}: {
  connection: PeerConnection
  sessionId: number
  nextSubscription(): Subscription | undefined
  send(offer: Offer): void
}): SubscriberOffers {
  const sections: Section[] = []
  let offerId = 0
  let isWaiting = false
  let isStale = false

  function placeSubscriptions(): void {
    for (let next = nextSubscription(); next; next = nextSubscription()) {
      const { kind } = next.track
      let section = sections.find((candidate) => candidate.isFree && candidate.kind === kind)
      if (!section) {
        section = { kind, mid: String(sections.length + 1), subscription: null, isFree: false }
        sections.push(section)
      }
      section.isFree = false
      section.subscription = next
      const codec = ownPayloadTypes[kind]
      next.attach({ connection, mid: section.mid, codec, midExtensionId: ownMidExtension.id })
    }
  }

  function offer(): void {
    placeSubscriptions()
    offerId += 1
    isWaiting = true
    isStale = false
    const running = sections.filter(({ subscription }) => subscription && !subscription.isEnded)
    send({
      id: offerId,
      sdp: writeSdp({
        sessionId,
        version: offerId,
        type: 'offer',
        transport: { ...connection.transport.local, candidates: connection.transport.candidates },
        maxMessageBytes: maxDataMessageBytes,
        sections: [dataSection, ...sections.map(toWritten)],
      }),
      midToTrackId: Object.fromEntries(
        running.map(({ mid, subscription }) => [mid, subscription?.track.sid ?? '']),
      ),
    })
  }

  /** Which ones were offered as ended is decided here: later ones wait for the next offer. */
  let offeredAsEnded: Section[] = []

  function toWritten(section: Section): SdpWrittenSection {
    const { kind, mid, subscription } = section
    const sending = subscription && !subscription.isEnded ? subscription.sending : undefined
    return {
      kind,
      mid,
      protocol,
      isRefused: false,
      direction: sending ? 'sendonly' : 'inactive',
      codec: ownPayloadTypes[kind],
      extensions: [ownMidExtension, ownTransportExtension],
      sending: sending ?? null,
      receiveRids: [],
      sctpPort: null,
    }
  }

  function negotiate(): void {
    if (isWaiting) {
      isStale = true
      return
    }
    offeredAsEnded = sections.filter(({ subscription }) => subscription?.isEnded)
    offer()
  }

  return {
    negotiate,
    answered(id, answer) {
      // Older clients leave the number out.
      if (!isWaiting || (id !== 0 && id !== offerId)) return
      const parsed = parseSdp(answer)
      const ufrag = parsed.sections.find((section) => section.ufrag)?.ufrag
      const fingerprint = parsed.sections.find((section) => section.fingerprint)?.fingerprint
      if (!ufrag || !fingerprint) throw new BadSdp('neither ICE nor DTLS')
      isWaiting = false
      const taken = parsed.sections.flatMap(({ extensions }) => extensions)
      const isCounted = taken.some(({ uri }) => uri === ownTransportExtension.uri)
      connection.downstream.setExtension(isCounted ? ownTransportExtension.id : undefined)
      connection.transport.setRemote({ type: 'answer', ufrag, fingerprint })
      const data = parsed.sections.find(({ sctpPort }) => sctpPort !== null)
      if (data?.sctpPort) connection.transport.startData(data.sctpPort)
      for (const section of offeredAsEnded) {
        section.subscription = null
        section.isFree = true
      }
      offeredAsEnded = []
      for (const { subscription } of sections) subscription?.start()
      if (isStale) negotiate()
    },
    restart() {
      connection.transport.restartIce()
      isWaiting = false
      negotiate()
    },
  }
}

const dataSection: SdpWrittenSection = {
  kind: 'application',
  mid: dataMid,
  protocol: 'UDP/DTLS/SCTP',
  isRefused: false,
  direction: 'inactive',
  codec: { main: 0, rtx: null },
  extensions: [],
  sending: null,
  receiveRids: [],
  sctpPort: 5_000,
}
