/** The same RoomService and validate calls, put to livekit-server and to the embedded one. */
import { CreateRoomRequest, ListRoomsRequest, ListRoomsResponse, Room } from '@livekit/protocol'
import { AccessToken, RoomServiceClient, type VideoGrant } from 'livekit-server-sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLivekitRooms } from '../../../../server/livekit/room-service.ts'
import { issueToken } from '../../../../server/livekit/tokens.ts'
import { startEmbeddedMedia, type EmbeddedMedia } from '../../../support/embedded-media.ts'
import {
  findLivekitServer,
  startLivekitServer,
  type LivekitServer,
} from '../../../support/livekit-server.ts'
import { disposeRtc, joinAsPerson, type RtcPerson } from '../../../support/rtc-person.ts'
import { until } from '../../../support/until.ts'

const found = findLivekitServer()
let theirs: LivekitServer
let ours: EmbeddedMedia

interface Call {
  method?: string
  /** Behind the origin. */
  path: string
  body?: string
  contentType?: string
  /** Null: none. */
  authorization?: string | null
  headers?: Record<string, string>
}

/** A RoomService call with a token of those grants. */
interface Asked extends Omit<Call, 'path' | 'authorization'> {
  name: string
  service?: string
  grants: VideoGrant
  json?: unknown
  secret?: string
  ttlS?: number
  /** In place of a token. */
  authorization?: string | null
}

const create = { roomCreate: true }
const list = { roomList: true }
const admin = { roomAdmin: true, room: 'kitchen' }
const identity = { room: 'kitchen', identity: 'nobody' }

const calls: [string, Asked][] = [
  [
    'a room is made',
    {
      name: 'CreateRoom',
      grants: create,
      json: {
        name: 'kitchen',
        emptyTimeout: 100,
        departure_timeout: 3,
        maxParticipants: 4,
        metadata: 'm',
      },
    },
  ],
  [
    'the same room again keeps what it was made with',
    { name: 'CreateRoom', grants: create, json: { name: 'kitchen', emptyTimeout: 200 } },
  ],
  ['a room by default', { name: 'CreateRoom', grants: create, json: { name: 'plain' } }],
  [
    'a room with too long a name',
    { name: 'CreateRoom', grants: create, json: { name: 'x'.repeat(257) } },
  ],
  [
    'a room with too much metadata',
    { name: 'CreateRoom', grants: create, json: { name: 'y', metadata: 'm'.repeat(600_000) } },
  ],
  ['a room without the grant', { name: 'CreateRoom', grants: list, json: { name: 'no' } }],
  ['one room is listed', { name: 'ListRooms', grants: list, json: { names: ['kitchen'] } }],
  [
    'a room that is not there is not listed',
    { name: 'ListRooms', grants: list, json: { names: ['nowhere'] } },
  ],
  ['listing without the grant', { name: 'ListRooms', grants: create, json: {} }],
  ['an empty body', { name: 'ListRooms', grants: list, body: '' }],
  ['half a body', { name: 'ListRooms', grants: list, body: '{' }],
  ['a list as the body', { name: 'ListRooms', grants: list, body: '[]' }],
  [
    'an unknown field',
    { name: 'ListRooms', grants: list, json: { nonsense: 1, names: ['nowhere'] } },
  ],
  ['a field of another type', { name: 'ListRooms', grants: list, json: { names: 3 } }],
  ['text', { name: 'ListRooms', grants: list, json: {}, contentType: 'text/plain' }],
  [
    'JSON with a charset',
    {
      name: 'ListRooms',
      grants: list,
      json: { names: ['nowhere'] },
      contentType: 'application/json; charset=utf-8',
    },
  ],
  [
    'broken protobuf',
    { name: 'ListRooms', grants: list, body: '\u0001\u0002', contentType: 'application/protobuf' },
  ],
  ['GET', { name: 'ListRooms', grants: list, method: 'GET' }],
  [
    'another origin',
    {
      name: 'ListRooms',
      grants: list,
      json: { names: ['nowhere'] },
      headers: { origin: 'http://o.example' },
    },
  ],
  [
    'a preflight',
    {
      name: 'ListRooms',
      grants: list,
      method: 'OPTIONS',
      headers: {
        origin: 'http://o.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    },
  ],
  ['a method that nobody has', { name: 'Nonsense', grants: list, json: {} }],
  [
    'a service that nobody has',
    { name: 'ListRooms', service: '/twirp/livekit.Nonsense/', grants: list, json: {} },
  ],
  ['no token', { name: 'ListRooms', grants: list, json: {}, authorization: null }],
  ['no bearer', { name: 'ListRooms', grants: list, json: {}, authorization: 'Basic x' }],
  [
    'no token behind bearer',
    { name: 'ListRooms', grants: list, json: {}, authorization: 'Bearer ' },
  ],
  ['a word for a token', { name: 'ListRooms', grants: list, json: {}, authorization: 'Bearer x' }],
  [
    'a token of another secret',
    { name: 'ListRooms', grants: list, json: {}, secret: 'another secret' },
  ],
  ['a token that ended', { name: 'ListRooms', grants: list, json: {}, ttlS: -100 }],
  [
    'a token that ended within the leeway',
    { name: 'ListRooms', grants: list, json: { names: ['nowhere'] }, ttlS: -30 },
  ],
  ['nobody is in the room', { name: 'ListParticipants', grants: admin, json: { room: 'kitchen' } }],
  [
    'nobody is in no room',
    { name: 'ListParticipants', grants: { ...admin, room: 'nowhere' }, json: { room: 'nowhere' } },
  ],
  ['people of another room', { name: 'ListParticipants', grants: admin, json: { room: 'plain' } }],
  [
    'people without the grant',
    { name: 'ListParticipants', grants: list, json: { room: 'kitchen' } },
  ],
  ['nobody is shown', { name: 'GetParticipant', grants: admin, json: identity }],
  ['nobody is removed', { name: 'RemoveParticipant', grants: admin, json: identity }],
  [
    'nobody is removed without the grant',
    { name: 'RemoveParticipant', grants: create, json: identity },
  ],
  [
    'nobody is muted',
    {
      name: 'MutePublishedTrack',
      grants: admin,
      json: { ...identity, trackSid: 'TR_x', muted: true },
    },
  ],
  [
    'a room is deleted without the grant',
    { name: 'DeleteRoom', grants: admin, json: { room: 'kitchen' } },
  ],
  ['a room is deleted', { name: 'DeleteRoom', grants: create, json: { room: 'kitchen' } }],
  ['a room is deleted twice', { name: 'DeleteRoom', grants: create, json: { room: 'kitchen' } }],
  ['the other room is deleted', { name: 'DeleteRoom', grants: create, json: { room: 'plain' } }],
]

/** Different by nature: what is made up, and what one of the two does not offer (other codecs, RED). */
const ownWays = [
  'sid|creation_time|creation_time_ms|turn_password|enabled_codecs|joined_at|joined_at_ms|version',
  'region|mid|codecs|max_participants|mime_type|disable_red|backup_codec_policy|audio_features',
]
const ownWay = new RegExp(`^(${ownWays.join('|')})$`)

/** LiveKit repeats tokens and keys in its refusals; the embedded server does not. */
function comparable(text: string): unknown {
  try {
    return JSON.parse(text, (key, value: unknown) => (ownWay.test(key) ? `a ${key}` : value))
  } catch {
    return text
      .replace(/^invalid token: \S+, /, 'invalid token, ')
      .replace(/^(invalid API key): .*/, '$1')
  }
}

async function put(server: LivekitServer, base: string, call: Call) {
  const { method = 'POST', path, body, authorization, headers = {} } = call
  const origin = new URL(server.url.replace(/^ws/, 'http')).origin
  const response = await fetch(`${origin}${base}${path}`, {
    method,
    headers: {
      ...(call.contentType ? { 'content-type': call.contentType } : {}),
      ...(authorization ? { authorization } : {}),
      ...headers,
    },
    ...(method === 'POST' ? { body: body ?? '' } : {}),
  })
  const cors = [...response.headers].filter(([name]) =>
    /^(access-control|content-type|vary)/.test(name),
  )
  return { status: response.status, headers: cors, body: comparable(await response.text()) }
}

async function ask(server: LivekitServer, asked: Asked) {
  const { name, service = '/twirp/livekit.RoomService/', grants, json, ...rest } = asked
  const access = new AccessToken(server.apiKey, asked.secret ?? server.apiSecret, {
    ttl: asked.ttlS ?? 60,
  })
  access.addGrant(grants)
  const authorization =
    asked.authorization === undefined ? `Bearer ${await access.toJwt()}` : asked.authorization
  return put(server, '', {
    contentType: 'application/json',
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    ...rest,
    path: service + name,
    authorization,
  })
}

describe.skipIf('missing' in found)(
  'livekit-server 1.13.5 and the embedded server answer alike',
  () => {
    beforeAll(async () => {
      ;[theirs, ours] = await Promise.all([startLivekitServer(), startEmbeddedMedia()])
    })
    afterAll(async () => {
      await Promise.all([theirs.dispose(), ours.dispose()])
      await disposeRtc()
    })

    test.each(calls)('RoomService: %s', async (_what, asked) => {
      expect(await ask(ours, asked)).toEqual(await ask(theirs, asked))
    })

    test('protobuf is understood and spoken', async () => {
      const [mine, their] = await Promise.all(
        [ours, theirs].map(async (server) => {
          const made = await putBinary(
            server,
            'CreateRoom',
            create,
            new CreateRoomRequest({ name: 'binary', emptyTimeout: 7 }),
          )
          const { name, emptyTimeout } = Room.fromBinary(made)
          const listed = ListRoomsResponse.fromBinary(
            await putBinary(server, 'ListRooms', list, new ListRoomsRequest({ names: ['binary'] })),
          )
          await new RoomServiceClient(
            server.url.replace(/^ws/, 'http'),
            server.apiKey,
            server.apiSecret,
          ).deleteRoom('binary')
          return { name, emptyTimeout, listed: listed.rooms.map((room) => room.name) }
        }),
      )
      expect(mine).toEqual({ name: 'binary', emptyTimeout: 7, listed: ['binary'] })
      expect(mine).toEqual(their)
    })

    const join = { roomJoin: true, room: 'kitchen' }
    const validations: [string, VideoGrant, string][] = [
      ['/rtc/validate', join, 'ada'],
      ['/rtc/v1/validate', join, 'ada'],
      ['/rtc/v1/validate?join_request=', join, 'ada'],
      ['/rtc/v1/validate?join_request=AA', join, 'ada'],
      ['/rtc/v1/validate?join_request=%2A', join, 'ada'],
      ['/rtc/v1/validate?join_request=CAASAA==', join, 'ada'],
      ['/rtc/v1/validate?join_request=____', join, 'ada'],
      ['/rtc/v1/validate?join_request=CAESAWE=', join, 'ada'],
      ['/rtc/validate', { room: 'kitchen' }, 'ada'],
      ['/rtc/validate', { roomJoin: true }, 'ada'],
      ['/rtc/validate', join, 'a'.repeat(300)],
      ['/rtc/validate', { roomJoin: true, room: 'r'.repeat(300) }, 'ada'],
    ]
    test.each(validations)('validate: %s with %j of %s', async (path, grants, who) => {
      const [mine, their] = await Promise.all(
        [ours, theirs].map(async (server) => {
          const access = new AccessToken(server.apiKey, server.apiSecret, {
            identity: who,
            ttl: 60,
          })
          access.addGrant(grants)
          const base = server === ours ? '/livekit' : ''
          const sign = path.includes('?') ? '&' : '?'
          const query = `${path}${sign}access_token=${await access.toJwt()}`
          const headers = { origin: 'http://o.example' }
          return put(server, base, { method: 'GET', path: query, headers })
        }),
      )
      expect(mine).toEqual(their)
    })

    test.each([
      [
        'without a token',
        { method: 'GET', path: '/rtc/validate', headers: { origin: 'http://o.example' } },
      ],
      ['with a word for a token', { method: 'GET', path: '/rtc/validate?access_token=x' }],
      ['no bearer', { method: 'GET', path: '/rtc/validate', authorization: 'Basic x' }],
      ['with a token without an end', { method: 'GET', path: '/rtc/validate', authorization: '' }],
    ] as [string, Call][])('validate: %s', async (_what, call) => {
      expect(await put(ours, '/livekit', call)).toEqual(await put(theirs, '', call))
    })

    test('Ada is listed, shown, muted and removed with the same words', async () => {
      const seen = await Promise.all([theirs, ours].map(lifeOfAda))
      expect(seen[1]).toEqual(seen[0])
    })
  },
)

/** What RoomService says about Ada while she is in a room with her microphone on. */
async function lifeOfAda(server: LivekitServer) {
  const http = server.url.replace(/^ws/, 'http')
  const rooms = new RoomServiceClient(http, server.apiKey, server.apiSecret)
  const own = createLivekitRooms(server)
  const { token } = await issueToken({
    ...server,
    livekitRoomName: 'kitchen',
    identity: 'ada:1',
    now: Date.now(),
  })
  const ada: RtcPerson = await joinAsPerson({ livekitUrl: server.url, token })
  const asked = (name: string, json: object) =>
    ask(server, { name, grants: admin, json: { room: 'kitchen', ...json } })
  try {
    await ada.playTone(500)
    const trackSid = await until('Ada is active and has a track', 10_000, async () => {
      const [person] = await rooms.listParticipants('kitchen')
      return person?.state === 2 ? person.tracks[0]?.sid : undefined
    })
    const listed = await asked('ListParticipants', {})
    const shown = await asked('GetParticipant', { identity: 'ada:1' })
    const sessions = await own.listSessions('kitchen')
    const unmuted = await asked('MutePublishedTrack', { identity: 'ada:1', trackSid, muted: false })
    const muted = await asked('MutePublishedTrack', { identity: 'ada:1', trackSid, muted: true })
    const noTrack = await asked('MutePublishedTrack', {
      identity: 'ada:1',
      trackSid: 'TR_no',
      muted: true,
    })
    const removed = await asked('RemoveParticipant', { identity: 'ada:1' })
    const reason = await ada.untilDisconnected()
    const gone = await until(
      'Ada is gone',
      10_000,
      async () => (await own.listSessions('kitchen')).length === 0,
    )
    const again = await asked('RemoveParticipant', { identity: 'ada:1' })
    await own.closeRoom('kitchen')
    return {
      listed,
      shown,
      sessions: sessions.map(({ identity: who, state }) => ({ who, state })),
      unmuted,
      muted,
      noTrack,
      removed,
      reason,
      gone,
      again,
    }
  } finally {
    await ada.leave()
  }
}

async function putBinary(
  server: LivekitServer,
  name: string,
  grants: VideoGrant,
  message: { toBinary(): Uint8Array },
): Promise<Uint8Array> {
  const access = new AccessToken(server.apiKey, server.apiSecret, { ttl: 60 })
  access.addGrant(grants)
  const { origin } = new URL(server.url.replace(/^ws/, 'http'))
  const response = await fetch(`${origin}/twirp/livekit.RoomService/${name}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/protobuf',
      authorization: `Bearer ${await access.toJwt()}`,
    },
    body: Buffer.from(message.toBinary()),
  })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/protobuf')
  return new Uint8Array(await response.arrayBuffer())
}
