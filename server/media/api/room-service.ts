/** LiveKit's RoomService over Twirp: who may ask what, and the answers of livekit-server 1.13.5. */
import {
  CreateRoomRequest,
  DeleteRoomRequest,
  DeleteRoomResponse,
  ListParticipantsRequest,
  ListParticipantsResponse,
  ListRoomsRequest,
  ListRoomsResponse,
  MuteRoomTrackRequest,
  MuteRoomTrackResponse,
  RemoveParticipantResponse,
  RoomParticipantIdentity,
} from '@livekit/protocol'
import type { VideoGrants } from '../link/media-grants.ts'
import type { MediaKeys } from './jwt.ts'
import type { MediaRooms } from './media-rooms.ts'
import { toRefusal, verifyMediaToken } from './media-token.ts'
import { readMessage, writeMessage, type ProtoMessage } from './twirp-message.ts'
import {
  badRoute,
  livekitError,
  textAnswer,
  toErrorAnswer,
  TwirpError,
  type TwirpAnswer,
  type TwirpRequest,
} from './twirp.ts'

const prefix = '/twirp/livekit.RoomService/'
const bearer = 'Bearer '
const maxRoomNameBytes = 256
const maxMetadataBytes = 512 * 1024

/** What LiveKit has and this server has not: said so, not half done. */
const notOffered = [
  'UpdateParticipant',
  'UpdateSubscriptions',
  'SendData',
  'UpdateRoomMetadata',
  'ForwardParticipant',
  'MoveParticipant',
  'PerformRpc',
]

export function answerTwirp(
  request: TwirpRequest,
  { rooms, keys, now }: { rooms: MediaRooms; keys: MediaKeys; now: number },
): TwirpAnswer {
  const caller = authenticate(request.authorization, keys, now)
  if ('refusal' in caller) return textAnswer(401, caller.refusal)
  if (!request.path.startsWith(prefix)) return textAnswer(404, '404 page not found\n')
  try {
    return answer(request, rooms, caller.grants)
  } catch (error) {
    if (error instanceof TwirpError) return toErrorAnswer(error)
    throw error
  }
}

/** No token at all is let through to be refused by the method, as LiveKit does. */
function authenticate(
  authorization: string | undefined,
  keys: MediaKeys,
  now: number,
): { grants: VideoGrants | null } | { refusal: string } {
  if (!authorization) return { grants: null }
  if (!authorization.startsWith(bearer)) {
    return { refusal: `invalid authorization header. Must start with ${bearer}` }
  }
  const verdict = verifyMediaToken(authorization.slice(bearer.length), { ...keys, now })
  if (verdict.ok) return { grants: verdict.grants.video }
  return { refusal: toRefusal(verdict.why) }
}

function answer(request: TwirpRequest, rooms: MediaRooms, grants: VideoGrants | null): TwirpAnswer {
  if (request.method !== 'POST') {
    throw badRoute(
      `unsupported method ${JSON.stringify(request.method)} (only POST is allowed)`,
      request,
    )
  }
  const method = request.path.slice(prefix.length)
  const may = (isAllowed: boolean | undefined) => {
    if (!isAllowed) throw new TwirpError('unauthenticated', 'permissions denied')
  }
  const mayAdmin = (room: string) => may(grants?.roomAdmin && grants.room === room)
  const reply = <T>(
    read: { message: T; encoding: 'json' | 'protobuf' },
    work: (asked: T) => ProtoMessage,
  ) => writeMessage(work(read.message), read.encoding)

  switch (method) {
    case 'CreateRoom':
      return reply(readMessage(CreateRoomRequest, request), (asked) => {
        may(grants?.roomCreate)
        return createRoom(rooms, asked)
      })
    case 'ListRooms':
      return reply(readMessage(ListRoomsRequest, request), ({ names }) => {
        may(grants?.roomList)
        return new ListRoomsResponse({ rooms: rooms.list(names) })
      })
    case 'DeleteRoom':
      return reply(readMessage(DeleteRoomRequest, request), ({ room }) => {
        may(grants?.roomCreate)
        if (!rooms.delete(room)) throw livekitError('not_found', 'requested room does not exist')
        return new DeleteRoomResponse()
      })
    case 'ListParticipants':
      return reply(readMessage(ListParticipantsRequest, request), ({ room }) => {
        mayAdmin(room)
        return new ListParticipantsResponse({ participants: rooms.participants(room) })
      })
    case 'GetParticipant':
      return reply(readMessage(RoomParticipantIdentity, request), ({ room, identity }) => {
        mayAdmin(room)
        const found = rooms.participant(room, identity)
        if (!found) throw livekitError('not_found', 'participant does not exist')
        return found
      })
    case 'RemoveParticipant':
      return reply(readMessage(RoomParticipantIdentity, request), ({ room, identity }) => {
        mayAdmin(room)
        if (!rooms.remove(room, identity)) {
          throw livekitError('not_found', 'participant does not exist')
        }
        return new RemoveParticipantResponse()
      })
    case 'MutePublishedTrack':
      return reply(readMessage(MuteRoomTrackRequest, request), (asked) => {
        mayAdmin(asked.room)
        return mute(rooms, asked)
      })
    default:
      if (notOffered.includes(method)) {
        throw new TwirpError(
          'unimplemented',
          `the embedded media server does not offer ${method}; livekit-server does`,
        )
      }
      throw badRoute(`no handler for path ${JSON.stringify(request.path)}`, request)
  }
}

/** Names are measured in bytes, as Go does. */
function createRoom(rooms: MediaRooms, asked: CreateRoomRequest) {
  const { name, emptyTimeout, departureTimeout, maxParticipants, metadata } = asked
  if (Buffer.byteLength(name) > maxRoomNameBytes) {
    throw livekitError(
      'invalid_argument',
      `room name length exceeds limits: max length ${maxRoomNameBytes}`,
    )
  }
  if (Buffer.byteLength(metadata) > maxMetadataBytes) {
    throw new TwirpError('invalid_argument', `metadata size exceeds limits ${maxMetadataBytes}`, {
      argument: 'metadata size exceeds limits',
    })
  }
  return rooms.create({
    name,
    ...(emptyTimeout > 0 && { emptyTimeout }),
    ...(departureTimeout > 0 && { departureTimeout }),
    ...(maxParticipants > 0 && { maxParticipants }),
    ...(metadata !== '' && { metadata }),
  })
}

function mute(rooms: MediaRooms, { room, identity, trackSid, muted }: MuteRoomTrackRequest) {
  if (!rooms.participant(room, identity)) {
    // Whoever would have to answer is not there; LiveKit says it like this.
    throw livekitError('unavailable', 'no response from servers')
  }
  if (!muted) throw livekitError('failed_precondition', 'remote unmute not enabled')
  const track = rooms.mute(room, identity, trackSid, muted)
  return new MuteRoomTrackResponse(track ? { track } : {})
}
