/** How clients come in: as somebody new, or back to the session that went on without them. */
import {
  Codec,
  DisconnectReason,
  JoinResponse,
  LeaveRequest,
  LeaveRequest_Action,
  ParticipantInfo_State,
  ReconnectResponse,
  ServerInfo,
  SignalRequest as SignalRequestMessage,
} from '@livekit/protocol'
import type { MediaGrants } from '../link/media-grants.ts'
import {
  SignalRefused,
  type SignalPeer,
  type SignalRequest,
  type SignalSession,
} from '../link/signal.ts'
import type { Join } from '../room/join.ts'
import type { MediaParticipant } from '../room/media-participant.ts'
import type { MediaRoom } from '../room/media-room.types.ts'
import type { RoomRegistry } from '../room/room-registry.ts'
import { closeCode, sendOnce } from '../room/signal-outlet.ts'
import { parseJoin } from './join-request.ts'
import { acceptOffer, addTrack, handleSignalRequest } from './signal-requests.ts'

export interface SignalSessions {
  /** Throws `SignalRefused`. */
  connect(request: SignalRequest, peer: SignalPeer): SignalSession
  /** Without a carrier a lost socket says nothing about who it was of. */
  setCarried(isCarried: boolean): void
  refreshToken(participant: MediaParticipant): void
}

/** LiveKit's version whose ways these are. */
const livekitVersion = '1.13.5'
const protocolVersion = 16
const pingIntervalS = 10
const pingTimeoutS = 30
const maxFrameBytes = 1_000_000

export function createSignalSessions({
  registry,
  now,
  random,
  onError,
  issueRefreshToken,
}: {
  registry: RoomRegistry
  now(): number
  random(bytes: number): Buffer
  onError(error: unknown): void
  issueRefreshToken(grants: MediaGrants): string
}): SignalSessions {
  const sifTrailers = new WeakMap<MediaRoom, Buffer>()
  let isCarried = true

  function sifTrailer(room: MediaRoom): Buffer {
    const trailer = sifTrailers.get(room) ?? random(16)
    sifTrailers.set(room, trailer)
    return trailer
  }

  function refreshToken(participant: MediaParticipant): void {
    participant.refreshedAt = now()
    const value = issueRefreshToken(participant.grants)
    participant.outlet.send({ case: 'refreshToken', value })
  }

  function joinRoom(
    room: MediaRoom,
    grants: MediaGrants,
    join: Join,
    peer: SignalPeer,
  ): MediaParticipant | null {
    const before = room.participants.get(grants.identity)
    if (before)
      room.leave(before, DisconnectReason.DUPLICATE_IDENTITY, LeaveRequest_Action.DISCONNECT)
    if (room.isFull) {
      refuse(peer, DisconnectReason.JOIN_FAILURE, LeaveRequest_Action.DISCONNECT)
      return null
    }
    const participant = room.enter({ grants, join, peer })
    const value = new JoinResponse({
      room: room.info(),
      participant: participant.info(),
      otherParticipants: room.others(participant),
      serverVersion: livekitVersion,
      serverInfo,
      iceServers: [],
      subscriberPrimary: !join.isSinglePeer,
      pingInterval: pingIntervalS,
      pingTimeout: pingTimeoutS,
      sifTrailer: sifTrailer(room),
      enabledPublishCodecs: ['audio/opus', 'video/VP8'].map((mime) => new Codec({ mime })),
      fastPublish: false,
    })
    participant.outlet.send({ case: 'join', value })
    refreshToken(participant)
    const context = { room, participant, now, onError }
    for (const request of join.addTracks) addTrack(request, context)
    // Whose offer makes no sense is gone after this.
    if (join.offer) acceptOffer(join.offer, context)
    participant.connections.begin()
    return participant
  }

  /** Null: that session is not there any more, and the client has to begin anew. */
  function resume(grants: MediaGrants, sid: string, peer: SignalPeer): Joined | null {
    const room = registry.find(grants.video.room)
    const participant = room?.participants.get(grants.identity)
    if (!room || !participant || (sid !== '' && sid !== participant.sid)) {
      refuse(peer, DisconnectReason.STATE_MISMATCH, LeaveRequest_Action.RECONNECT)
      return null
    }
    participant.outlet.swap(peer)
    const value = new ReconnectResponse({ iceServers: [], serverInfo })
    participant.outlet.send({ case: 'reconnect', value })
    room.catchUp(participant)
    refreshToken(participant)
    participant.connections.resume()
    return { room, participant }
  }

  function toSession({ room, participant }: Joined, peer: SignalPeer): SignalSession {
    const { outlet } = participant
    return {
      receive(frame) {
        if (!outlet.isCurrent(peer)) return
        try {
          if (frame.length > maxFrameBytes) throw new Error('a signalling frame that is too large')
          const request = SignalRequestMessage.fromBinary(frame)
          handleSignalRequest(request, { room, participant, now, onError })
        } catch (error) {
          onError(error)
          outlet.close(closeCode.badData, 'cannot be read')
          signalLost(room, participant)
        }
      },
      closed() {
        if (!outlet.isCurrent(peer)) return
        outlet.lose()
        signalLost(room, participant)
      },
    }
  }

  /** Who has media goes on without signalling; who never had any is gone. */
  function signalLost(room: MediaRoom, participant: MediaParticipant): void {
    if (!isCarried || participant.state === ParticipantInfo_State.ACTIVE) return
    room.leave(participant, DisconnectReason.SIGNAL_CLOSE, null)
  }

  return {
    connect({ path, query, grants }, peer) {
      const { video, room: options } = grants
      if (!video.roomJoin || video.room === '' || grants.identity === '')
        throw new SignalRefused(401, 'permissions denied')
      const join = parseJoin({ path, query })
      if (join.reconnectOf !== null) {
        const resumed = resume(grants, join.reconnectOf, peer)
        return resumed ? toSession(resumed, peer) : closedSession
      }
      const room = registry.open({ ...options, name: video.room })
      const participant = joinRoom(room, grants, join, peer)
      return participant ? toSession({ room, participant }, peer) : closedSession
    },
    setCarried(next) {
      isCarried = next
    },
    refreshToken,
  }
}

interface Joined {
  room: MediaRoom
  participant: MediaParticipant
}

const serverInfo = new ServerInfo({
  version: livekitVersion,
  protocol: protocolVersion,
  region: '',
  nodeId: 'ND_embedded',
})

/** What becomes of a connection that was told to go. */
const closedSession: SignalSession = { receive() {}, closed() {} }

function refuse(peer: SignalPeer, reason: DisconnectReason, action: LeaveRequest_Action): void {
  const canReconnect = action !== LeaveRequest_Action.DISCONNECT
  sendOnce(peer, { case: 'leave', value: new LeaveRequest({ reason, action, canReconnect }) })
  peer.close(closeCode.normal, 'left')
}
