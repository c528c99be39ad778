/** The RoomService as its SDK and as bare requests see it: answers to the field, errors to the code. */
import {
  AudioTrackFeature,
  DisconnectReason,
  Encryption_Type,
  ListRoomsResponse,
  MuteRoomTrackResponse,
  ParticipantInfo,
  ParticipantInfo_Kind,
  ParticipantInfo_State,
  TrackSource,
  TrackType,
} from '@livekit/protocol'
import { AccessToken, RoomServiceClient, type VideoGrant } from 'livekit-server-sdk'
import { expect } from 'vitest'
import type { MediaCall } from '../media-call.ts'
import { until } from '../../support/until.ts'
import { came, published, unpublished, went, type Scenario } from './scenario.ts'

type Json = Parameters<typeof ListRoomsResponse.fromJson>[0]

/** Like the SDK: Twirp has its place at the root, whatever the path of signalling. */
const toHttp = (call: MediaCall) => new URL(call.media.url.replace(/^ws/, 'http')).origin

async function twirp(call: MediaCall, method: string, body: unknown, grant: VideoGrant | null) {
  const token = new AccessToken(call.media.apiKey, call.media.apiSecret, {
    ttl: 60,
    identity: 'desk',
  })
  if (grant) token.addGrant(grant)
  const answer = await fetch(`${toHttp(call)}/twirp/livekit.RoomService/${method}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await token.toJwt()}`,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.startsWith('application/json') ?? false
  return {
    status: answer.status,
    body: (isJson ? JSON.parse(text) : text) as Json,
  }
}

const all: VideoGrant = { roomCreate: true, roomList: true }
const admin = (call: MediaCall): VideoGrant => ({ roomAdmin: true, room: call.room })

export const roomServiceScenarios: Scenario[] = [
  {
    name: 'a room is made ahead, found, and deleted, with all that is asked for',
    async run(call) {
      const { rooms } = call.media
      const asked = {
        name: call.room,
        emptyTimeout: 60,
        departureTimeout: 3,
        maxParticipants: 2,
        metadata: 'notes',
      }
      const made = await rooms.createRoom(asked)
      expect(made).toMatchObject({ ...asked, numParticipants: 0, numPublishers: 0 })
      // Again: the same one.
      expect((await rooms.createRoom({ name: call.room })).sid).toBe(made.sid)
      const { status, body } = await twirp(call, 'ListRooms', { names: [call.room] }, all)
      expect(status).toBe(200)
      expect(ListRoomsResponse.fromJson(body).rooms).toMatchObject([
        {
          ...asked,
          sid: made.sid,
          creationTime: made.creationTime,
          creationTimeMs: made.creationTimeMs,
          numParticipants: 0,
          numPublishers: 0,
          activeRecording: false,
        },
      ])
      const nowMs = BigInt(Date.now())
      expect(nowMs - made.creationTimeMs < 60_000n && made.creationTimeMs <= nowMs).toBe(true)
      expect(made.creationTime).toBe(made.creationTimeMs / 1000n)
      const codecs = made.enabledCodecs.map(({ mime }) => mime.toLowerCase())
      expect(codecs).toEqual(expect.arrayContaining(['audio/opus', 'video/vp8']))
      await call.join('ada')
      await call.media.webhooks.untilLine(call.room, came('ada'))
      await call.join('bo')
      await call.media.webhooks.untilLine(call.room, came('bo'))
      await expect(call.join('cleo')).rejects.toThrow()
      expect(await rooms.listRooms([`${call.room}-none`])).toEqual([])
      expect((await rooms.listRooms()).map(({ name }) => name)).toContain(call.room)
      await rooms.deleteRoom(call.room)
      await until('the room is gone', 5_000, async () => {
        const left = await rooms.listRooms([call.room])
        return left.length === 0
      })
      await expect(rooms.deleteRoom(call.room)).rejects.toMatchObject({
        status: 404,
        code: 'not_found',
      })
    },
    reports: [
      'room_started',
      came('ada'),
      came('bo'),
      went('ada', 'ROOM_DELETED'),
      went('bo', 'ROOM_DELETED'),
      'room_finished',
    ],
  },
  {
    name: 'a participant is described to the field, and a track is muted from afar',
    async run(call) {
      const a = await call.join('ada')
      await call.media.webhooks.untilLine(call.room, came('ada'))
      await a.show('camera')
      await a.play(440)
      const [cameraSid, microphoneSid] = [a.sidOf('camera'), a.sidOf('microphone')]
      await call.media.webhooks.untilLine(call.room, published('ada', 'CAMERA'))
      await call.media.webhooks.untilLine(call.room, published('ada', 'MICROPHONE'))
      const described = await until('both tracks are listed', 10_000, async () => {
        const { body } = await twirp(
          call,
          'GetParticipant',
          { room: call.room, identity: 'ada' },
          admin(call),
        )
        return ParticipantInfo.fromJson(body).tracks.length === 2 && body
      })
      const info = ParticipantInfo.fromJson(described)
      expect(info).toMatchObject({
        sid: a.sid,
        identity: 'ada',
        name: '',
        metadata: '',
        attributes: {},
        state: ParticipantInfo_State.ACTIVE,
        kind: ParticipantInfo_Kind.STANDARD,
        isPublisher: true,
        disconnectReason: DisconnectReason.UNKNOWN_REASON,
        permission: {
          canSubscribe: true,
          canPublish: true,
          canPublishData: true,
          canPublishSources: [],
          hidden: false,
          canUpdateMetadata: false,
        },
      })
      expect(info.joinedAt).toBe(info.joinedAtMs / 1000n)
      expect(Math.abs(Number(info.joinedAtMs) - Date.now())).toBeLessThan(60_000)
      const byType = info.tracks.toSorted((x, y) => y.type - x.type)
      expect(byType).toMatchObject([
        {
          sid: cameraSid,
          type: TrackType.VIDEO,
          source: TrackSource.CAMERA,
          name: 'camera',
          muted: false,
          width: 320,
          height: 180,
          simulcast: false,
          mimeType: 'video/VP8',
          encryption: Encryption_Type.GCM,
        },
        {
          sid: microphoneSid,
          type: TrackType.AUDIO,
          source: TrackSource.MICROPHONE,
          name: 'microphone',
          muted: false,
          disableDtx: true,
          mimeType: 'audio/opus',
          encryption: Encryption_Type.GCM,
          audioFeatures: [AudioTrackFeature.TF_NO_DTX],
        },
      ])
      expect(byType.map(({ stream }) => stream)).toEqual(['camera', 'camera'])
      for (const track of byType) {
        expect(track.mid).not.toBe('')
        expect(track.codecs).toMatchObject([{ mimeType: track.mimeType, mid: track.mid }])
      }
      const listed = await twirp(call, 'ListParticipants', { room: call.room }, admin(call))
      expect(listed).toEqual({ status: 200, body: { participants: [described] } })

      const b = await call.join('bo')
      await b.untilLog('subscribed ada microphone')
      const mute = (track_sid: string, muted: boolean) =>
        twirp(
          call,
          'MutePublishedTrack',
          { room: call.room, identity: 'ada', track_sid, muted },
          admin(call),
        )
      const muted = await mute(microphoneSid, true)
      expect(muted.status).toBe(200)
      expect(MuteRoomTrackResponse.fromJson(muted.body).track).toMatchObject({
        sid: microphoneSid,
        muted: true,
      })
      await b.untilLog('ada muted microphone')
      // Nobody opens somebody else’s microphone.
      expect(await mute(microphoneSid, false)).toMatchObject({
        status: 412,
        body: { code: 'failed_precondition' },
      })
      const unknown = await mute('TR_unknown', true)
      expect(unknown.status).toBe(200)
      expect(MuteRoomTrackResponse.fromJson(unknown.body).track).toBeUndefined()
    },
    reports: [
      'room_started',
      came('ada'),
      published('ada', 'CAMERA'),
      published('ada', 'MICROPHONE'),
      came('bo'),
      unpublished('ada', 'CAMERA'),
      unpublished('ada', 'MICROPHONE'),
      went('ada'),
      went('bo'),
      'room_finished',
    ],
  },
  {
    name: 'what the room service refuses, it refuses by the same codes',
    async run(call) {
      const { room } = call
      const ada = { room, identity: 'ada' }
      const none = { roomJoin: true, room }
      const elsewhere = { roomAdmin: true, room: `${room}-other` }
      const asked: [string, unknown, VideoGrant | null, number, string][] = [
        ['ListRooms', {}, none, 401, 'unauthenticated'],
        ['ListRooms', {}, null, 401, 'unauthenticated'],
        ['CreateRoom', { name: room }, none, 401, 'unauthenticated'],
        ['DeleteRoom', { room }, { roomList: true }, 401, 'unauthenticated'],
        ['DeleteRoom', { room }, all, 404, 'not_found'],
        ['ListParticipants', { room }, all, 401, 'unauthenticated'],
        ['ListParticipants', { room }, elsewhere, 401, 'unauthenticated'],
        ['GetParticipant', ada, all, 401, 'unauthenticated'],
        ['GetParticipant', ada, admin(call), 404, 'not_found'],
        ['RemoveParticipant', ada, elsewhere, 401, 'unauthenticated'],
        ['RemoveParticipant', ada, admin(call), 404, 'not_found'],
        ['MutePublishedTrack', { ...ada, track_sid: 'TR_x' }, elsewhere, 401, 'unauthenticated'],
        ['CreateRoom', { name: 'x'.repeat(300) }, all, 400, 'invalid_argument'],
        ['ListRooms', '{', all, 400, 'malformed'],
        ['Nonsense', {}, all, 404, 'bad_route'],
      ]
      for (const [method, body, grant, status, code] of asked) {
        const refused = await twirp(call, method, body, grant)
        expect({ method, grant, ...refused }).toMatchObject({
          method,
          grant,
          status,
          body: { code, msg: expect.any(String) },
        })
      }
      // A room that nobody knows has nobody in it.
      expect(await twirp(call, 'ListParticipants', { room }, admin(call))).toEqual({
        status: 200,
        body: { participants: [] },
      })

      const stranger = new RoomServiceClient(
        toHttp(call),
        call.media.apiKey,
        'not-the-secret-of-this-livekit-0123',
      )
      await expect(stranger.listRooms()).rejects.toMatchObject({ status: 401 })
      const address = `${toHttp(call)}/twirp/livekit.RoomService/ListRooms`
      const headers = { 'content-type': 'application/json' }
      const bare = await fetch(address, { method: 'POST', body: '{}', headers })
      expect(bare.status).toBe(401)
      expect(await bare.json()).toMatchObject({ code: 'unauthenticated' })
      const get = await fetch(address)
      expect(get.status).toBe(404)
      expect(await get.json()).toMatchObject({ code: 'bad_route' })
    },
    reports: [],
  },
]
