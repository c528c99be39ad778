/** One participant of a room: who it is, how far it has come, and everything that hangs on it. */
import {
  DisconnectReason,
  LeaveRequest,
  LeaveRequest_Action,
  ParticipantInfo,
  ParticipantInfo_Kind,
  ParticipantInfo_State,
  ParticipantPermission,
} from '@livekit/protocol'
import type { MediaGrants } from '../link/media-grants.ts'
import type { SignalPeer } from '../link/signal.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'
import type { TransportParts } from '../transport/peer-transport.ts'
import type { Join } from './join.ts'
import { createPeerConnections, type PeerConnections } from './peer-connections.ts'
import { createPublications, type Publications } from './publications.ts'
import { closeCode, createSignalOutlet, type SignalOutlet } from './signal-outlet.ts'
import { createSubscriptions, type Subscriptions } from './subscriptions.ts'

export interface MediaParticipant {
  readonly sid: string
  readonly identity: string
  readonly grants: MediaGrants
  readonly isHidden: boolean
  readonly joinedAt: number
  readonly state: ParticipantInfo_State
  readonly outlet: SignalOutlet
  readonly connections: PeerConnections
  readonly publications: Publications
  readonly subscriptions: Subscriptions
  /** When its token was last refreshed. */
  refreshedAt: number
  info(): ParticipantInfo
  /** The others have to be told: raises the version. */
  bumpVersion(change?: {
    name?: string
    metadata?: string
    attributes?: Record<string, string>
  }): void
  activate(): void
  /** Frees everything; the client is told why, when it is still there. */
  close(reason: DisconnectReason, action: LeaveRequest_Action | null): void
}

export interface ParticipantEvents {
  connected(participant: MediaParticipant): void
  failed(participant: MediaParticipant): void
  announced(participant: MediaParticipant, track: PublishedTrack): void
  data(participant: MediaParticipant, label: string, bytes: Buffer): void
}

export function createMediaParticipant({
  sid,
  grants,
  join,
  peer,
  parts,
  newTrackSid,
  on,
}: {
  sid: string
  grants: MediaGrants
  join: Join
  peer: SignalPeer
  parts: TransportParts
  newTrackSid(): string
  on: ParticipantEvents
}): MediaParticipant {
  const { now, random } = parts
  const joinedAt = now()
  const outlet = createSignalOutlet(peer, parts.onError)
  let state = ParticipantInfo_State.JOINED
  let version = 1
  let hasPublished = false
  let disconnectReason = DisconnectReason.UNKNOWN_REASON
  let profile = {
    name: grants.name,
    metadata: grants.metadata,
    attributes: { ...grants.attributes, ...(mayChangeItself(grants) ? join.attributes : {}) },
  }

  const publications = createPublications({
    grants,
    now,
    newTrackSid,
    announced: (track) => {
      hasPublished = true
      on.announced(participant, track)
    },
  })
  const subscriptions = createSubscriptions({
    isAuto: join.isAutoSubscribing,
    now,
    random,
    changed: () => {
      connections.negotiate()
    },
  })
  const connections = createPeerConnections({
    isSinglePeer: join.isSinglePeer,
    parts,
    subscriptions,
    announcedTracks: () => [...publications.all],
    send: outlet.send,
    on: {
      connected: () => {
        on.connected(participant)
      },
      failed: () => {
        on.failed(participant)
      },
      data: (label, bytes) => {
        on.data(participant, label, bytes)
      },
    },
  })

  const participant: MediaParticipant = {
    sid,
    identity: grants.identity,
    grants,
    isHidden: grants.video.hidden,
    joinedAt,
    outlet,
    connections,
    publications,
    subscriptions,
    refreshedAt: joinedAt,
    get state() {
      return state
    },
    info() {
      const isGone = state === ParticipantInfo_State.DISCONNECTED
      const tracks = [...publications.all].filter((track) => track.isAnnounced && !isGone)
      return new ParticipantInfo({
        sid,
        identity: grants.identity,
        state,
        tracks: tracks.map(({ info }) => info),
        ...profile,
        joinedAt: BigInt(Math.floor(joinedAt / 1000)),
        joinedAtMs: BigInt(joinedAt),
        version,
        permission: toPermission(grants),
        isPublisher: hasPublished,
        kind: ParticipantInfo_Kind.STANDARD,
        disconnectReason,
        clientProtocol: join.client.clientProtocol,
        capabilities: join.client.capabilities,
      })
    },
    bumpVersion(change = {}) {
      version += 1
      profile = { ...profile, ...change }
    },
    activate() {
      state = ParticipantInfo_State.ACTIVE
      version += 1
    },
    close(reason, action) {
      if (state === ParticipantInfo_State.DISCONNECTED) return
      state = ParticipantInfo_State.DISCONNECTED
      disconnectReason = reason
      version += 1
      if (action !== null) {
        const value = new LeaveRequest({
          reason,
          action,
          canReconnect: action !== LeaveRequest_Action.DISCONNECT,
        })
        outlet.send({ case: 'leave', value })
      }
      outlet.close(closeCode.normal, 'left')
      subscriptions.clear()
      connections.close()
    },
  }
  return participant
}

export function mayChangeItself({ video }: MediaGrants): boolean {
  return video.canUpdateOwnMetadata
}

function toPermission({ video }: MediaGrants): ParticipantPermission {
  return new ParticipantPermission({
    canSubscribe: video.canSubscribe,
    canPublish: video.canPublish,
    canPublishData: video.canPublishData,
    canPublishSources: video.canPublishSources,
    hidden: video.hidden,
    recorder: video.recorder,
    canUpdateMetadata: video.canUpdateOwnMetadata,
    agent: video.agent,
  })
}
