/** Does what a client asks for over its signalling connection. */
import type { SessionDescription, SimulateScenario } from '@livekit/protocol'
import {
  DisconnectReason,
  LeaveRequest_Action,
  Pong,
  RequestResponse,
  RequestResponse_Reason,
  TrackPublishedResponse,
  TrackType,
  type AddTrackRequest,
  type SignalRequest,
  type UpdateParticipantMetadata,
} from '@livekit/protocol'
import { BadSdp } from '../negotiation/sdp-parse.ts'
import { mayChangeItself, type MediaParticipant } from '../room/media-participant.ts'
import type { MediaRoom } from '../room/media-room.types.ts'

export interface RequestContext {
  room: MediaRoom
  participant: MediaParticipant
  now(): number
  onError(error: unknown): void
}

export function handleSignalRequest(request: SignalRequest, context: RequestContext): void {
  const { room, participant } = context
  const { outlet } = participant
  const { message } = request
  switch (message.case) {
    case 'offer':
      acceptOffer(message.value, context)
      return
    case 'answer':
      negotiated(context, () => {
        participant.connections.answered(message.value)
      })
      return
    case 'addTrack':
      addTrack(message.value, context)
      return
    case 'mute': {
      const { sid, muted } = message.value
      if (participant.publications.mute(sid, muted)) room.changed(participant)
      return
    }
    case 'subscription':
      for (const sid of trackSidsOf(message.value))
        participant.subscriptions.setWanted(sid, message.value.subscribe)
      return
    case 'trackSetting':
      for (const sid of message.value.trackSids)
        participant.subscriptions.setPaused(sid, message.value.disabled)
      return
    case 'leave':
      room.leave(participant, DisconnectReason.CLIENT_INITIATED, null)
      return
    case 'updateMetadata':
      updateMetadata(message.value, context)
      return
    case 'ping':
      outlet.send({ case: 'pong', value: BigInt(context.now()) })
      return
    case 'pingReq': {
      const lastPingTimestamp = message.value.timestamp
      const timestamp = BigInt(context.now())
      outlet.send({ case: 'pongResp', value: new Pong({ lastPingTimestamp, timestamp }) })
      return
    }
    case 'simulate':
      simulate(message.value, context)
      return
    case 'syncState':
      for (const sid of message.value.trackSidsDisabled)
        participant.subscriptions.setPaused(sid, true)
      return
    case 'publishDataTrackRequest':
    case 'storeDataBlobRequest':
    case 'getDataBlobRequest':
      refuse(context, request)
      return
    // A lite agent needs no candidates; layers and the rest are not offered.
    case 'trickle':
    case 'updateLayers':
    case 'subscriptionPermission':
    case 'updateAudioTrack':
    case 'updateVideoTrack':
    case 'unpublishDataTrackRequest':
    case 'updateDataSubscription':
    case undefined:
      return
    default:
      message satisfies never
  }
}

export function acceptOffer(offer: SessionDescription, context: RequestContext): void {
  const { room, participant } = context
  negotiated(context, () => {
    for (const track of participant.connections.offered(offer)) room.unpublish(participant, track)
  })
}

export function addTrack(request: AddTrackRequest, context: RequestContext): void {
  const { participant } = context
  const isMedia = request.type === TrackType.AUDIO || request.type === TrackType.VIDEO
  const track = isMedia ? participant.publications.add(request) : null
  if (!track) {
    const { NOT_ALLOWED, UNSUPPORTED_TYPE } = RequestResponse_Reason
    const value = new RequestResponse({
      reason: isMedia ? NOT_ALLOWED : UNSUPPORTED_TYPE,
      request: { case: 'addTrack', value: request },
    })
    participant.outlet.send({ case: 'requestResponse', value })
    return
  }
  const value = new TrackPublishedResponse({ cid: request.cid, track: track.info })
  participant.outlet.send({ case: 'trackPublished', value })
  participant.connections.trackAdded()
}

/** A description that nothing can be done with ends only the session of whoever sent it. */
function negotiated({ room, participant, onError }: RequestContext, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof BadSdp)) onError(error)
    room.leave(participant, DisconnectReason.STATE_MISMATCH, LeaveRequest_Action.RECONNECT)
  }
}

function trackSidsOf(update: {
  trackSids: string[]
  participantTracks: { trackSids: string[] }[]
}): string[] {
  return [...update.trackSids, ...update.participantTracks.flatMap(({ trackSids }) => trackSids)]
}

const maxProfileLength = 64_000

function updateMetadata(update: UpdateParticipantMetadata, context: RequestContext): void {
  const { room, participant } = context
  const { requestId, name, metadata, attributes } = update
  const answer = (reason: RequestResponse_Reason) => {
    const value = new RequestResponse({
      requestId,
      reason,
      request: { case: 'updateMetadata', value: update },
    })
    participant.outlet.send({ case: 'requestResponse', value })
  }
  if (!mayChangeItself(participant.grants)) {
    answer(RequestResponse_Reason.NOT_ALLOWED)
    return
  }
  const length = name.length + metadata.length + JSON.stringify(attributes).length
  if (length > maxProfileLength) {
    answer(RequestResponse_Reason.LIMIT_EXCEEDED)
    return
  }
  const before = participant.info()
  participant.bumpVersion({
    name: name === '' ? before.name : name,
    metadata: metadata === '' ? before.metadata : metadata,
    attributes: { ...before.attributes, ...attributes },
  })
  answer(RequestResponse_Reason.OK)
  room.changed(participant)
  room.catchUp(participant)
}

function refuse({ participant }: RequestContext, { message }: SignalRequest): void {
  const value = new RequestResponse({
    reason: RequestResponse_Reason.UNCLASSIFIED_ERROR,
    message: `${message.case ?? ''} is not offered here`,
  })
  participant.outlet.send({ case: 'requestResponse', value })
}

/** What clients can ask for in tests of their own. */
function simulate({ scenario }: SimulateScenario, { room, participant }: RequestContext): void {
  switch (scenario.case) {
    case 'serverLeave':
      room.leave(participant, DisconnectReason.SERVER_SHUTDOWN, LeaveRequest_Action.DISCONNECT)
      return
    case 'nodeFailure':
      room.leave(participant, DisconnectReason.SERVER_SHUTDOWN, null)
      return
    case 'leaveRequestFullReconnect':
      room.leave(participant, DisconnectReason.CLIENT_INITIATED, LeaveRequest_Action.RECONNECT)
      return
    default:
      return
  }
}
