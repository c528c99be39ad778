/**
 * A participant's peer connections and what is negotiated over them: one for both directions (v1),
 * or one for each (v0). Whoever uses them need not know which.
 */
import {
  MediaSectionsRequirement,
  SessionDescription,
  StreamState,
  StreamStateInfo,
  StreamStateUpdate,
} from '@livekit/protocol'
import { createPublisherAnswers } from '../negotiation/publisher-answers.ts'
import { createSubscriberOffers } from '../negotiation/subscriber-offers.ts'
import { createPeerConnection, type PeerConnection } from '../rtp/peer-connection.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'
import type { TransportParts } from '../transport/peer-transport.ts'
import type { ConnectionCondition } from './connection-quality.ts'
import { dataLabels } from './data-packets.ts'
import type { SignalMessage } from './signal-outlet.ts'
import type { Subscriptions } from './subscriptions.ts'

export interface PeerConnections {
  readonly packetsReceived: number
  /** Throws `BadSdp`. Tracks that it does not hold any more are returned. */
  offered(description: SessionDescription): PublishedTrack[]
  /** Throws `BadSdp`. */
  answered(description: SessionDescription): void
  /** A track was announced. */
  trackAdded(): void
  removeTrack(track: PublishedTrack): void
  /** Subscriptions have changed. */
  negotiate(): void
  /** The first offer of ours, where the client waits for it. */
  begin(): void
  /** Signalling is back. */
  resume(): void
  sendData(label: string, bytes: Buffer): void
  /** No check came for so long on a connection that was up. */
  silentMs(at: number): number
  /** Whether a signed packet of the client has ever come. */
  readonly isReached: boolean
  condition(at: number): ConnectionCondition
  tick(at: number): void
  close(): void
}

export interface PeerConnectionsEvents {
  /** The connection that counts is up. */
  connected(): void
  failed(): void
  data(label: string, bytes: Buffer): void
}

/** A client that never gives sections for what waits is not asked for ever. */
const maxRequirementsInVain = 5

export function createPeerConnections({
  isSinglePeer,
  parts,
  subscriptions,
  announcedTracks,
  send,
  on,
}: {
  isSinglePeer: boolean
  parts: TransportParts
  subscriptions: Subscriptions
  announcedTracks(): readonly PublishedTrack[]
  send(message: SignalMessage): void
  on: PeerConnectionsEvents
}): PeerConnections {
  const ignore = () => undefined
  const publisher = createPeerConnection(parts, {
    connected: isSinglePeer ? on.connected : ignore,
    failed: on.failed,
    data: on.data,
    streamChanged: sendStreamState,
  })
  const subscriber = isSinglePeer
    ? null
    : createPeerConnection(parts, {
        connected: on.connected,
        failed: on.failed,
        data: on.data,
        streamChanged: sendStreamState,
      })
  const connections: PeerConnection[] = subscriber ? [publisher, subscriber] : [publisher]
  const newSessionId = () => parts.random(4).readUInt32BE()
  const answers = createPublisherAnswers({
    connection: publisher,
    sessionId: newSessionId(),
    announcedTracks,
    nextSubscription: (kind) => (isSinglePeer ? subscriptions.next(kind) : undefined),
  })
  const offers =
    subscriber &&
    createSubscriberOffers({
      connection: subscriber,
      sessionId: newSessionId(),
      nextSubscription: subscriptions.next,
      send: ({ id, sdp, midToTrackId }) => {
        const value = new SessionDescription({ type: 'offer', id, sdp, midToTrackId })
        send({ case: 'offer', value })
      },
    })
  // Without data channels in its first section the bundle would have no owner that always stays.
  subscriber?.transport.createChannel(dataLabels.reliable, { id: 1, isReliable: true })
  subscriber?.transport.createChannel(dataLabels.lossy, { id: 3, isReliable: false })
  subscriber?.transport.createChannel(dataLabels.tracks, { id: 5, isReliable: false })

  function sendStreamState({ sid: trackSid }: PublishedTrack, isSent: boolean): void {
    const participantSid = subscriptions.publisherOf(trackSid) ?? ''
    const state = isSent ? StreamState.ACTIVE : StreamState.PAUSED
    const streamStates = [new StreamStateInfo({ participantSid, trackSid, state })]
    send({ case: 'streamStateUpdate', value: new StreamStateUpdate({ streamStates }) })
  }

  let requirement: { isOpen: boolean; inVain: number } = { isOpen: false, inVain: 0 }
  let isBegun = false
  /** Something changed after the offer had been asked for. */
  let isStale = false

  /** Asks the client for an offer with as many free sections as are needed. */
  function requireSections(): void {
    if (requirement.isOpen) return
    requirement.isOpen = true
    const lacking = (kind: 'audio' | 'video') =>
      Math.max(0, subscriptions.waiting(kind) - answers.free(kind))
    const value = { numAudios: lacking('audio'), numVideos: lacking('video') }
    send({ case: 'mediaSectionsRequirement', value: new MediaSectionsRequirement(value) })
  }

  const isWaiting = () => subscriptions.waiting('audio') + subscriptions.waiting('video') > 0

  return {
    get packetsReceived() {
      return connections.reduce((sum, { upstream }) => sum + upstream.packetsReceived, 0)
    },
    offered({ sdp, id }) {
      const answer = answers.answer(sdp)
      const { midToTrackId } = answer
      const value = new SessionDescription({ type: 'answer', id, sdp: answer.sdp, midToTrackId })
      send({ case: 'answer', value })
      for (const subscription of answer.filled) subscription.start()
      requirement.isOpen = false
      if (!isWaiting() && !isStale) requirement.inVain = 0
      else if (requirement.inVain < maxRequirementsInVain) {
        requirement.inVain += 1
        isStale = false
        requireSections()
      }
      return answer.gone
    },
    answered({ id, sdp }) {
      offers?.answered(id, sdp)
    },
    trackAdded: answers.trackAdded,
    removeTrack: answers.removeTrack,
    negotiate() {
      if (!isBegun) return
      if (offers) offers.negotiate()
      else if (requirement.isOpen) isStale = true
      else requireSections()
    },
    begin() {
      isBegun = true
      offers?.negotiate()
    },
    resume() {
      if (offers) offers.restart()
      else if (requirement.isOpen) {
        requirement = { isOpen: false, inVain: 0 }
        requireSections()
      }
    },
    sendData(label, bytes) {
      const connection = subscriber ?? publisher
      connection.transport.sendData(label, bytes, label === dataLabels.reliable)
    },
    get isReached() {
      return connections.some(({ transport }) => transport.lastCheckAt !== null)
    },
    silentMs(at) {
      const up = connections.filter(({ transport }) => transport.state === 'connected')
      return Math.max(0, ...up.map(({ transport }) => at - (transport.lastCheckAt ?? at)))
    },
    condition(at) {
      return {
        lossShare: publisher.upstream.lossShare,
        shortage: (subscriber ?? publisher).downstream.shortage,
        silentMs: this.silentMs(at),
      }
    },
    tick(at) {
      for (const connection of connections) connection.tick(at)
    },
    close() {
      for (const connection of connections) connection.close()
    },
  }
}
