/**
 * The embedded media server: LiveKit's signalling and rooms over werift's transports. It opens UDP
 * ports and nothing else; who carries signalling, Twirp and webhooks is not its affair.
 */
import {
  Codec,
  DisconnectReason,
  JoinResponse,
  LeaveRequest,
  LeaveRequest_Action,
  ParticipantInfo_State,
  ReconnectResponse,
  ServerInfo,
  SignalRequest,
  WebhookEvent,
  type Room,
} from '@livekit/protocol'
import { RTCDtlsTransport } from 'werift'
import { parseJoin, type Join } from './join-request.ts'
import type { MediaConfig } from './media-config.ts'
import type { MediaParticipant } from './media-participant.ts'
import { createMediaRoom, type MediaRoom, type RoomEvent } from './media-room.ts'
import {
  SignalRefused,
  type MediaRooms,
  type MediaServer,
  type SignalPeer,
  type SignalSession,
} from './media-server.types.ts'
import { openMediaSockets } from './media-sockets.ts'
import type { MediaGrants } from './media-token.ts'
import type { LineParts } from './peer-transport.ts'
import { closeCode, sendOnce } from './signal-outlet.ts'
import { acceptOffer, addTrack, handleSignalRequest, muteByServer } from './signal-requests.ts'

export interface MediaServerParts {
  config: MediaConfig
  /** Epoch milliseconds. */
  now(): number
  /** Good enough for secrets. */
  random(bytes: number): Buffer
  log: { warn(fields: object, message: string): void }
  /** A token that brings somebody back in after a lost connection (LiveKit: of ten minutes). */
  issueRefreshToken(grants: MediaGrants): string
}

/** LiveKit's version whose ways these are. */
const imitates = '1.13.5'
const protocolVersion = 16
const tickEveryMs = 25
const tokenEveryMs = 5 * 60_000
const pingIntervalS = 10
const pingTimeoutS = 30
const maxFrameBytes = 1_000_000
const idLetters = 12

export async function createMediaServer({
  config,
  now,
  random,
  log,
  issueRefreshToken,
}: MediaServerParts): Promise<MediaServer> {
  const onError = (error: unknown) => {
    log.warn({ err: error }, 'the media server put something of a client aside')
  }
  const certificate = await RTCDtlsTransport.SetupCertificate()
  const sockets = await openMediaSockets({
    addresses: config.addresses,
    ports: config.udpPorts,
    onError,
  })
  const parts: LineParts = { sockets, certificate, now, random, onError }
  const sifTrailers = new WeakMap<MediaRoom, Buffer>()
  const rooms = new Map<string, MediaRoom>()
  const listeners = new Set<(event: WebhookEvent) => void>()
  let packetsOfGone = 0
  let ticker: NodeJS.Timeout | null = null
  let isCarried = true
  const newSid = (prefix: string) =>
    prefix +
    random(16).toString('base64url').replace(/[-_]/g, '').slice(0, idLetters).padEnd(idLetters, 'x')

  function report(room: Room, event: RoomEvent): void {
    const createdAt = BigInt(Math.floor(now() / 1000))
    const webhook = new WebhookEvent({ ...event, room, id: newSid('EV_'), createdAt })
    for (const listener of listeners) listener(webhook)
  }

  function tick(): void {
    const at = now()
    for (const room of [...rooms.values()]) {
      try {
        room.tick(at)
      } catch (error) {
        onError(error)
      }
      for (const participant of room.participants.values()) {
        if (at - participant.refreshedAt >= tokenEveryMs) refresh(participant)
      }
    }
    if (rooms.size > 0 || !ticker) return
    clearInterval(ticker)
    ticker = null
  }

  function refresh(participant: MediaParticipant): void {
    participant.refreshedAt = now()
    const value = issueRefreshToken(participant.grants)
    participant.outlet.send({ case: 'refreshToken', value })
  }

  function openRoom(wish: {
    name: string
    emptyTimeout?: number | undefined
    departureTimeout?: number | undefined
    maxParticipants?: number | undefined
    metadata?: string | undefined
  }): MediaRoom {
    const present = rooms.get(wish.name)
    if (present) return present
    const { times, maxParticipants } = config
    const room = createMediaRoom({
      name: wish.name,
      sid: newSid('RM_'),
      metadata: wish.metadata ?? '',
      maxParticipants: Math.min(wish.maxParticipants || maxParticipants, maxParticipants),
      times: {
        ...times,
        emptyTimeoutS: wish.emptyTimeout || times.emptyTimeoutS,
        departureTimeoutS: wish.departureTimeout || times.departureTimeoutS,
      },
      parts,
      newSid,
      report,
      finished() {
        rooms.delete(wish.name)
        packetsOfGone += room.packetsReceived
      },
    })
    sifTrailers.set(room, random(16))
    rooms.set(wish.name, room)
    report(room.info(), { event: 'room_started' })
    ticker ??= setInterval(tick, tickEveryMs)
    return room
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
      serverVersion: imitates,
      serverInfo,
      iceServers: [],
      subscriberPrimary: !join.isSinglePeer,
      pingInterval: pingIntervalS,
      pingTimeout: pingTimeoutS,
      sifTrailer: sifTrailers.get(room) ?? Buffer.alloc(0),
      enabledPublishCodecs: [new Codec({ mime: 'audio/opus' }), new Codec({ mime: 'video/VP8' })],
      fastPublish: false,
    })
    participant.outlet.send({ case: 'join', value })
    refresh(participant)
    const context = { room, participant, now, onError }
    for (const request of join.addTracks) addTrack(request, context)
    if (join.offer) acceptOffer(join.offer, context)
    participant.lines.begin()
    // Whose offer made no sense is gone already.
    return participant
  }

  /** The participant that went on without its signalling; null: it has to begin anew. */
  function resume(
    grants: MediaGrants,
    sid: string,
    peer: SignalPeer,
  ): [MediaRoom, MediaParticipant] | null {
    const room = rooms.get(grants.video.room)
    const participant = room?.participants.get(grants.identity)
    if (!room || !participant || (sid !== '' && sid !== participant.sid)) {
      refuse(peer, DisconnectReason.STATE_MISMATCH, LeaveRequest_Action.RECONNECT)
      return null
    }
    participant.outlet.swap(peer)
    const value = new ReconnectResponse({ iceServers: [], serverInfo })
    participant.outlet.send({ case: 'reconnect', value })
    room.catchUp(participant)
    refresh(participant)
    participant.lines.resume()
    return [room, participant]
  }

  function toSession(
    room: MediaRoom,
    participant: MediaParticipant,
    peer: SignalPeer,
  ): SignalSession {
    return {
      receive(frame) {
        if (!participant.outlet.isCurrent(peer)) return
        try {
          if (frame.length > maxFrameBytes) throw new Error('a frame too large')
          const request = SignalRequest.fromBinary(frame)
          handleSignalRequest(request, { room, participant, now, onError })
        } catch (error) {
          onError(error)
          participant.outlet.close(closeCode.badData, 'cannot be read')
          lost(room, participant)
        }
      },
      closed() {
        if (!participant.outlet.isCurrent(peer)) return
        participant.outlet.lose()
        lost(room, participant)
      },
    }
  }

  /** Who has media goes on without signalling; who never had any is gone. */
  function lost(room: MediaRoom, participant: MediaParticipant): void {
    if (!isCarried || participant.state === ParticipantInfo_State.ACTIVE) return
    room.leave(participant, DisconnectReason.SIGNAL_CLOSE, null)
  }

  const find = (room: string, identity: string) => rooms.get(room)?.participants.get(identity)

  const mediaRooms: MediaRooms = {
    list(names) {
      const chosen = [...rooms.values()].filter(
        ({ name }) => names.length === 0 || names.includes(name),
      )
      return chosen.map((room) => room.info())
    },
    create: (options) => openRoom(options).info(),
    delete(name) {
      const room = rooms.get(name)
      room?.delete()
      return room !== undefined
    },
    participants(name) {
      const room = rooms.get(name)
      return room ? [...room.participants.values()].map((participant) => participant.info()) : []
    },
    participant: (room, identity) => find(room, identity)?.info(),
    remove(name, identity) {
      const participant = find(name, identity)
      const { PARTICIPANT_REMOVED } = DisconnectReason
      if (participant)
        rooms.get(name)?.leave(participant, PARTICIPANT_REMOVED, LeaveRequest_Action.DISCONNECT)
      return participant !== undefined
    },
    mute(name, identity, trackSid, muted) {
      const room = rooms.get(name)
      const participant = find(name, identity)
      const track = participant?.publications.find(trackSid)
      if (!room || !participant || !track) return undefined
      muteByServer(room, participant, trackSid, muted)
      return track.info
    },
  }

  return {
    connect({ path, query, grants }, peer) {
      const { video, room: wish } = grants
      if (!video.roomJoin || video.room === '' || grants.identity === '')
        throw new SignalRefused(401, 'permissions denied')
      const join = parseJoin({ path, query })
      if (join.reconnectOf !== null) {
        const resumed = resume(grants, join.reconnectOf, peer)
        return resumed ? toSession(...resumed, peer) : nobody
      }
      const room = openRoom({ ...wish, name: video.room })
      const participant = joinRoom(room, grants, join, peer)
      return participant ? toSession(room, participant, peer) : nobody
    },
    rooms: mediaRooms,
    onEvent(listener) {
      listeners.add(listener)
    },
    carrierAway() {
      isCarried = false
      for (const room of rooms.values())
        for (const { outlet } of room.participants.values()) outlet.lose()
    },
    carrierBack() {
      isCarried = true
    },
    stats() {
      const all = [...rooms.values()]
      return {
        rooms: all.length,
        participants: all.reduce((sum, { participants }) => sum + participants.size, 0),
        packetsIn: all.reduce((sum, room) => sum + room.packetsReceived, packetsOfGone),
        packetsOut: sockets.packetsSent,
      }
    },
    async close() {
      for (const room of [...rooms.values()]) {
        for (const participant of [...room.participants.values()])
          room.leave(participant, DisconnectReason.SERVER_SHUTDOWN, LeaveRequest_Action.DISCONNECT)
      }
      rooms.clear()
      if (ticker) clearInterval(ticker)
      ticker = null
      await sockets.close()
    },
  }
}

const serverInfo = new ServerInfo({
  version: imitates,
  protocol: protocolVersion,
  region: '',
  nodeId: 'ND_embedded',
})

/** What becomes of a connection that was told to go. */
const nobody: SignalSession = { receive() {}, closed() {} }

function refuse(peer: SignalPeer, reason: DisconnectReason, action: LeaveRequest_Action): void {
  const canReconnect = action !== LeaveRequest_Action.DISCONNECT
  sendOnce(peer, { case: 'leave', value: new LeaveRequest({ reason, action, canReconnect }) })
  peer.close(closeCode.normal, 'left')
}
