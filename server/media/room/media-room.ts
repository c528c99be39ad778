/** One LiveKit room: its participants, what they tell each other, and how long it stays. */
import {
  Codec,
  DisconnectReason,
  LeaveRequest_Action,
  ParticipantInfo_State,
  ParticipantInfo,
  ParticipantUpdate,
  Room,
  TrackSubscribed,
  type TrackInfo,
} from '@livekit/protocol'
import type { RoomTimes } from '../link/media-config.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'
import type { TransportParts } from '../transport/peer-transport.ts'
import { routeData } from './data-packets.ts'
import { createMediaParticipant, type MediaParticipant } from './media-participant.ts'
import type { MediaRoom, RoomEvent } from './media-room.types.ts'
import { createRoomActivity } from './room-activity.ts'

const timeoutsEveryMs = 250
const maxDeparted = 50
/** Who goes earlier has changed their mind. */
const minConnectMs = 8_000

export function createMediaRoom({
  name,
  sid,
  metadata,
  maxParticipants,
  times,
  parts,
  newSid,
  report,
  finished,
}: {
  name: string
  sid: string
  metadata: string
  maxParticipants: number
  times: RoomTimes
  parts: TransportParts
  newSid(prefix: string): string
  report(room: Room, event: RoomEvent): void
  finished(): void
}): MediaRoom {
  const participants = new Map<string, MediaParticipant>()
  /** The last ones who left, for those whose signalling was away then, known or not yet known. */
  let departed: ParticipantInfo[] = []
  const createdAt = parts.now()
  const activity = createRoomActivity(participants, createdAt)
  let emptyFor: 'start' | 'departure' = 'start'
  let emptySince = createdAt
  let timeoutsAt = createdAt
  let packetsOfGone = 0
  let isFinished = false

  const isActive = ({ state }: MediaParticipant) => state === ParticipantInfo_State.ACTIVE
  const visible = () => [...participants.values()].filter(({ isHidden }) => !isHidden)
  const reportEvent = (event: RoomEvent) => {
    report(room.info(), event)
  }
  /** As LiveKit does: of a track's room and publisher only the names. */
  const reportTrack = (
    event: 'track_published' | 'track_unpublished',
    { sid: of, identity }: MediaParticipant,
    track: TrackInfo,
  ) => {
    const participant = new ParticipantInfo({ sid: of, identity })
    report(new Room({ sid, name }), { event, participant, track })
  }

  function broadcast(participant: MediaParticipant): void {
    if (participant.isHidden) return
    const value = new ParticipantUpdate({ participants: [participant.info()] })
    // To the participant, too: after a full reconnect LiveKit's client for Node learns its new sid so.
    for (const { outlet } of participants.values()) outlet.send({ case: 'update', value })
  }

  function subscribe(
    participant: MediaParticipant,
    publisher: MediaParticipant,
    track: PublishedTrack,
  ): void {
    if (participant === publisher || !participant.grants.video.canSubscribe) return
    participant.subscriptions.add(track, publisher.sid)
    const value = new TrackSubscribed({ trackSid: track.sid })
    publisher.outlet.send({ case: 'trackSubscribed', value })
  }

  function connected(participant: MediaParticipant): void {
    if (isActive(participant) || !participants.has(participant.identity)) return
    participant.activate()
    reportEvent({ event: 'participant_joined', participant: participant.info() })
    broadcast(participant)
    for (const publisher of participants.values())
      for (const track of publisher.publications.all)
        if (track.isAnnounced) subscribe(participant, publisher, track)
    activity.sendCurrent(participant)
  }

  function announced(publisher: MediaParticipant, track: PublishedTrack): void {
    publisher.bumpVersion()
    reportTrack('track_published', publisher, track.info)
    broadcast(publisher)
    for (const other of participants.values())
      if (isActive(other)) subscribe(other, publisher, track)
  }

  function unpublish(publisher: MediaParticipant, track: PublishedTrack): void {
    publisher.publications.remove(track.sid)
    publisher.connections.removeTrack(track)
    for (const other of participants.values()) other.subscriptions.remove(track.sid)
    if (!track.isAnnounced) return
    publisher.bumpVersion()
    reportTrack('track_unpublished', publisher, track.info)
    broadcast(publisher)
  }

  function relayData(from: MediaParticipant, label: string, bytes: Buffer): void {
    if (!from.grants.video.canPublishData) return
    const route = routeData(from, label, bytes)
    if (!route) return
    const isForAll = route.identities.length === 0 && route.sids.length === 0
    for (const to of participants.values()) {
      if (to === from || !isActive(to)) continue
      if (isForAll || route.identities.includes(to.identity) || route.sids.includes(to.sid))
        to.connections.sendData(route.label, route.bytes)
    }
  }

  function leave(
    participant: MediaParticipant,
    reason: DisconnectReason,
    action: LeaveRequest_Action | null,
  ): void {
    if (participants.get(participant.identity) !== participant) return
    const wasActive = isActive(participant)
    if (!wasActive) warnNotConnected(participant)
    participants.delete(participant.identity)
    packetsOfGone += participant.connections.packetsReceived
    const tracks = [...participant.publications.all]
    for (const track of tracks)
      for (const other of participants.values()) other.subscriptions.remove(track.sid)
    participant.close(reason, action)
    for (const track of tracks)
      if (track.isAnnounced) reportTrack('track_unpublished', participant, track.info)
    reportEvent({
      event: wasActive ? 'participant_left' : 'participant_connection_aborted',
      participant: participant.info(),
    })
    broadcast(participant)
    if (!participant.isHidden) departed = [...departed, participant.info()].slice(-maxDeparted)
    activity.forget(participant.sid)
    if (participants.size === 0) {
      emptyFor = 'departure'
      emptySince = parts.now()
    }
  }

  /** People read that their call did not connect: here is why. */
  function warnNotConnected({ sid: of, joinedAt, connections }: MediaParticipant): void {
    if (parts.now() - joinedAt < minConnectMs) return
    const offered = parts.sockets.candidates.map(({ address, port }) => `${address} ${port}/udp`)
    const fields = { participant: of, offered, heard: connections.isReached }
    if (connections.isReached) parts.warn(fields, 'a call did not connect although packets came')
    else
      parts.warn(
        fields,
        'a call did not connect: no packet of the client came to the addresses that it was offered; ' +
          'a firewall is in the way, or it cannot reach them (see media_addresses and udp_ports)',
      )
  }

  function finish(): void {
    if (isFinished) return
    isFinished = true
    reportEvent({ event: 'room_finished' })
    finished()
  }

  function checkTimeouts(at: number): void {
    for (const participant of [...participants.values()]) {
      if (!isActive(participant)) {
        if (at - participant.joinedAt >= times.joinTimeoutMs)
          leave(participant, DisconnectReason.JOIN_FAILURE, LeaveRequest_Action.DISCONNECT)
      } else if (participant.connections.silentMs(at) >= times.silenceTimeoutMs) {
        leave(participant, DisconnectReason.CONNECTION_TIMEOUT, LeaveRequest_Action.RECONNECT)
      }
    }
    const timeoutS = emptyFor === 'start' ? times.emptyTimeoutS : times.departureTimeoutS
    if (participants.size === 0 && at - emptySince >= timeoutS * 1000) finish()
  }

  const room: MediaRoom = {
    name,
    participants,
    get isFull() {
      return maxParticipants > 0 && participants.size >= maxParticipants
    },
    get packetsReceived() {
      const present = [...participants.values()].map(
        ({ connections }) => connections.packetsReceived,
      )
      return present.reduce((sum, packets) => sum + packets, packetsOfGone)
    },
    info() {
      return new Room({
        sid,
        name,
        emptyTimeout: times.emptyTimeoutS,
        departureTimeout: times.departureTimeoutS,
        maxParticipants,
        creationTime: BigInt(Math.floor(createdAt / 1000)),
        creationTimeMs: BigInt(createdAt),
        metadata,
        enabledCodecs: ['audio/opus', 'video/VP8', 'video/rtx'].map((mime) => new Codec({ mime })),
        numParticipants: visible().length,
        numPublishers: visible().filter((participant) => participant.info().isPublisher).length,
      })
    },
    enter({ grants, join, peer }) {
      const participant = createMediaParticipant({
        sid: newSid('PA_'),
        grants,
        join,
        peer,
        parts,
        newTrackSid: () => newSid('TR_'),
        on: {
          connected,
          failed: (failing) => {
            leave(failing, DisconnectReason.JOIN_FAILURE, LeaveRequest_Action.RECONNECT)
          },
          announced,
          data: relayData,
        },
      })
      participants.set(participant.identity, participant)
      return participant
    },
    others: (participant) =>
      visible()
        .filter((other) => other !== participant)
        .map((other) => other.info()),
    catchUp(participant) {
      const gone = departed.filter(({ identity }) => !participants.has(identity))
      const everybody = [...gone, ...room.others(participant), participant.info()]
      const value = new ParticipantUpdate({ participants: everybody })
      participant.outlet.send({ case: 'update', value })
    },
    changed(participant) {
      participant.bumpVersion()
      broadcast(participant)
    },
    unpublish,
    leave,
    delete() {
      for (const participant of [...participants.values()])
        leave(participant, DisconnectReason.ROOM_DELETED, LeaveRequest_Action.DISCONNECT)
      finish()
    },
    tick(at) {
      for (const { connections, publications } of participants.values()) {
        connections.tick(at)
        publications.tick(at)
      }
      activity.tick(at)
      if (at - timeoutsAt >= timeoutsEveryMs) {
        timeoutsAt = at
        checkTimeouts(at)
      }
    },
  }
  return room
}
