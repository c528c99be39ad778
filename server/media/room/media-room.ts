/** One LiveKit room: its participants, what they tell each other, and how long it stays. */
import {
  Codec,
  ConnectionQualityUpdate,
  DisconnectReason,
  LeaveRequest_Action,
  ParticipantInfo_State,
  ParticipantInfo,
  ParticipantUpdate,
  Room,
  SpeakersChanged,
  TrackSubscribed,
  type TrackInfo,
} from '@livekit/protocol'
import { createConnectionQualities } from './connection-quality.ts'
import { routeData } from './data-packets.ts'
import { createMediaParticipant, type MediaParticipant } from './media-participant.ts'
import type { RoomTimes } from '../link/media-config.ts'
import type { MediaRoom, RoomEvent } from './media-room.types.ts'
import type { LineParts } from '../transport/peer-transport.ts'
import type { PublishedTrack } from '../rtp/published-track.ts'
import { createSpeakers } from './speakers.ts'

const speakersEveryMs = 300
const lifeEveryMs = 250
const qualityEveryMs = 1_000
const maxDeparted = 50
/** Who goes earlier has changed their mind. */
const patienceMs = 8_000

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
  parts: LineParts
  newSid(prefix: string): string
  report(room: Room, event: RoomEvent): void
  finished(): void
}): MediaRoom {
  const participants = new Map<string, MediaParticipant>()
  /** The last ones who left, for those whose signalling was away then, known or not yet known. */
  let departed: ParticipantInfo[] = []
  const createdAt = parts.now()
  const speakers = createSpeakers()
  const qualities = createConnectionQualities()
  let emptyFor: 'start' | 'departure' = 'start'
  let emptySince = createdAt
  let speakersAt = createdAt
  let lifeAt = createdAt
  let qualityAt = createdAt
  let packetsOfGone = 0
  let isFinished = false

  const isActive = ({ state }: MediaParticipant) => state === ParticipantInfo_State.ACTIVE
  const seen = () => [...participants.values()].filter(({ isHidden }) => !isHidden)
  const tell = (event: RoomEvent) => {
    report(room.info(), event)
  }
  /** As LiveKit does: of a track's room and publisher only the names. */
  const tellOfTrack = (
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
    tell({ event: 'participant_joined', participant: participant.info() })
    broadcast(participant)
    for (const publisher of participants.values())
      for (const track of publisher.publications.all)
        if (track.isAnnounced) subscribe(participant, publisher, track)
    const updates = qualities.current()
    if (updates.length > 0) {
      const value = new ConnectionQualityUpdate({ updates })
      participant.outlet.send({ case: 'connectionQuality', value })
    }
    const now = speakers.current()
    if (now.length > 0)
      participant.outlet.send({
        case: 'speakersChanged',
        value: new SpeakersChanged({ speakers: now }),
      })
  }

  function announced(publisher: MediaParticipant, track: PublishedTrack): void {
    publisher.touch()
    tellOfTrack('track_published', publisher, track.info)
    broadcast(publisher)
    for (const other of participants.values())
      if (isActive(other)) subscribe(other, publisher, track)
  }

  function unpublish(publisher: MediaParticipant, track: PublishedTrack): void {
    publisher.publications.remove(track.sid)
    publisher.lines.forget(track)
    for (const other of participants.values()) other.subscriptions.remove(track.sid)
    if (!track.isAnnounced) return
    publisher.touch()
    tellOfTrack('track_unpublished', publisher, track.info)
    broadcast(publisher)
  }

  function relay(from: MediaParticipant, label: string, bytes: Buffer): void {
    if (!from.grants.video.canPublishData) return
    const route = routeData(from, label, bytes)
    if (!route) return
    const isForAll = route.identities.length === 0 && route.sids.length === 0
    for (const to of participants.values()) {
      if (to === from || !isActive(to)) continue
      if (isForAll || route.identities.includes(to.identity) || route.sids.includes(to.sid))
        to.lines.sendData(route.label, route.bytes)
    }
  }

  function leave(
    participant: MediaParticipant,
    reason: DisconnectReason,
    action: LeaveRequest_Action | null,
  ): void {
    if (participants.get(participant.identity) !== participant) return
    const wasActive = isActive(participant)
    if (!wasActive) tellWhyNot(participant)
    participants.delete(participant.identity)
    packetsOfGone += participant.lines.packetsReceived
    const tracks = [...participant.publications.all]
    for (const track of tracks)
      for (const other of participants.values()) other.subscriptions.remove(track.sid)
    participant.close(reason, action)
    for (const track of tracks)
      if (track.isAnnounced) tellOfTrack('track_unpublished', participant, track.info)
    tell({
      event: wasActive ? 'participant_left' : 'participant_connection_aborted',
      participant: participant.info(),
    })
    broadcast(participant)
    if (!participant.isHidden) departed = [...departed, participant.info()].slice(-maxDeparted)
    speakers.forget(participant.sid)
    if (participants.size === 0) {
      emptyFor = 'departure'
      emptySince = parts.now()
    }
  }

  /** People read that their call did not connect: here is why. */
  function tellWhyNot({ sid: of, joinedAt, lines }: MediaParticipant): void {
    if (parts.now() - joinedAt < patienceMs) return
    const offered = parts.sockets.candidates.map(({ address, port }) => `${address} ${port}/udp`)
    const fields = { participant: of, offered, heard: lines.isHeard }
    if (lines.isHeard) parts.warn(fields, 'a call did not connect although packets came')
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
    tell({ event: 'room_finished' })
    finished()
  }

  function checkLife(at: number): void {
    for (const participant of [...participants.values()]) {
      if (!isActive(participant)) {
        if (at - participant.joinedAt >= times.joinTimeoutMs)
          leave(participant, DisconnectReason.JOIN_FAILURE, LeaveRequest_Action.DISCONNECT)
      } else if (participant.lines.silentMs(at) >= times.silenceTimeoutMs) {
        leave(participant, DisconnectReason.CONNECTION_TIMEOUT, LeaveRequest_Action.RECONNECT)
      }
    }
    const timeoutS = emptyFor === 'start' ? times.emptyTimeoutS : times.departureTimeoutS
    if (participants.size === 0 && at - emptySince >= timeoutS * 1000) finish()
  }

  function tellSpeakers(): void {
    const changes = speakers.read([...participants.values()])
    if (changes.length === 0) return
    for (const participant of participants.values())
      participant.outlet.send({
        case: 'speakersChanged',
        value: new SpeakersChanged({ speakers: changes }),
      })
  }

  /** Each one’s own, too. */
  function tellQuality(at: number): void {
    const present = seen().filter(isActive)
    const conditions = new Map(present.map(({ sid, lines }) => [sid, lines.condition(at)]))
    const updates = qualities.read(conditions)
    if (updates.length === 0) return
    const value = new ConnectionQualityUpdate({ updates })
    for (const { outlet } of participants.values())
      outlet.send({ case: 'connectionQuality', value })
  }

  const room: MediaRoom = {
    name,
    participants,
    get isFull() {
      return maxParticipants > 0 && participants.size >= maxParticipants
    },
    get packetsReceived() {
      const present = [...participants.values()].map(({ lines }) => lines.packetsReceived)
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
        numParticipants: seen().length,
        numPublishers: seen().filter((participant) => participant.info().isPublisher).length,
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
          data: relay,
        },
      })
      participants.set(participant.identity, participant)
      return participant
    },
    others: (participant) =>
      seen()
        .filter((other) => other !== participant)
        .map((other) => other.info()),
    catchUp(participant) {
      const gone = departed.filter(({ identity }) => !participants.has(identity))
      const everybody = [...gone, ...room.others(participant), participant.info()]
      const value = new ParticipantUpdate({ participants: everybody })
      participant.outlet.send({ case: 'update', value })
    },
    changed(participant) {
      participant.touch()
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
      for (const { lines, publications } of participants.values()) {
        lines.tick(at)
        publications.tick(at)
      }
      if (at - speakersAt >= speakersEveryMs) {
        speakersAt = at
        tellSpeakers()
      }
      if (at - qualityAt >= qualityEveryMs) {
        qualityAt = at
        tellQuality(at)
      }
      if (at - lifeAt >= lifeEveryMs) {
        lifeAt = at
        checkLife(at)
      }
    },
  }
  return room
}
