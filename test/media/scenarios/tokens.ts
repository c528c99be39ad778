/** Who is let in, and who is not, on the way of both kinds of clients. */
import { gzipSync } from 'node:zlib'
import {
  AddTrackRequest,
  ClientInfo,
  ConnectionSettings,
  JoinRequest,
  RequestResponse_Reason,
  TrackSource,
  TrackType,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression,
} from '@livekit/protocol'
import { AccessToken, type VideoGrant } from 'livekit-server-sdk'
import { expect } from 'vitest'
import WebSocket from 'ws'
import { joinMedia } from '../media-person.ts'
import type { MediaCall } from '../media-call.ts'
import { openRawSignal } from '../raw-signal.ts'
import { came, went, type Scenario } from './scenario.ts'

/** What livekit-client sends along over v1, without an offer. LiveKit wants the padding. */
const joinRequest = Buffer.from(
  new WrappedJoinRequest({
    compression: WrappedJoinRequest_Compression.GZIP,
    joinRequest: gzipSync(
      new JoinRequest({
        clientInfo: new ClientInfo({ version: '2.23.0', protocol: 16 }),
        connectionSettings: new ConnectionSettings({ autoSubscribe: true }),
      }).toBinary(),
    ),
  }).toBinary(),
)
  .toString('base64')
  .replaceAll('+', '-')
  .replaceAll('/', '_')

interface Answer {
  status: number
  body: string
  cors: string | null
}

/** `…/validate`, as livekit-client asks why it was not let in; the token goes with the query. */
async function validate(call: MediaCall, path: string, token: string | null): Promise<Answer> {
  const query = new URLSearchParams({ join_request: joinRequest })
  if (path === '/rtc') query.delete('join_request')
  if (token !== null) query.set('access_token', token)
  const url = `${call.media.url.replace(/^ws/, 'http')}${path}/validate?${query}`
  const answer = await fetch(url)
  return {
    status: answer.status,
    body: await answer.text(),
    cors: answer.headers.get('access-control-allow-origin'),
  }
}

/** The status with which the WebSocket is refused, or 101. */
function open(call: MediaCall, path: string, token: string | null): Promise<number> {
  const query = new URLSearchParams(path === '/rtc' ? {} : { join_request: joinRequest })
  // As LiveKit's native clients do.
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const socket = new WebSocket(`${call.media.url}${path}?${query}`, { headers })
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.terminate()
      resolve(101)
    })
    socket.once('unexpected-response', (_request, response) => {
      socket.terminate()
      resolve(response.statusCode ?? 0)
    })
    socket.once('error', reject)
  })
}

async function signed(
  call: MediaCall,
  grant: VideoGrant,
  {
    identity = 'ada',
    ttl = 600,
    apiKey = call.media.apiKey,
    apiSecret = call.media.apiSecret,
  } = {},
): Promise<string> {
  const token = new AccessToken(apiKey, apiSecret, { identity, ttl })
  token.addGrant(grant)
  return token.toJwt()
}

export const tokenScenarios: Scenario[] = [
  {
    name: 'a bad, an old, a foreign and an insufficient token are refused alike on all ways in',
    async run(call) {
      const grant = { room: call.room, roomJoin: true }
      const refused: [string, string | null, number, RegExp][] = [
        ['none', null, 401, /^no permissions to access the room$/],
        ['no token at all', 'nonsense', 401, /^invalid authorization token$/],
        [
          'another secret',
          await signed(call, grant, { apiSecret: 'not-the-secret-of-this-livekit-0123' }),
          401,
          /^invalid token/,
        ],
        [
          'an unknown key',
          await signed(call, grant, { apiKey: 'nobody' }),
          401,
          /^invalid API key/,
        ],
        ['too old', await signed(call, grant, { ttl: -120 }), 401, /^invalid token/],
        [
          'may not join',
          await signed(call, { room: call.room, roomAdmin: true }),
          401,
          /^permissions denied$/,
        ],
        ['names no room', await signed(call, { roomJoin: true }), 400, /^no room name$/],
      ]
      for (const [what, token, status, body] of refused) {
        for (const path of ['/rtc', '/rtc/v1']) {
          const { body: said, ...answer } = await validate(call, path, token)
          expect({ what, path, ...answer }).toEqual({ what, path, status, cors: '*' })
          expect(said).toMatch(body)
          expect({ what, path, status: await open(call, path, token) }).toEqual({
            what,
            path,
            status,
          })
        }
        if (token !== null) {
          const join = joinMedia({ url: call.media.url, token, e2eeKey: null })
          await expect(join).rejects.toThrow()
        }
      }
      expect(await call.media.rooms.listRooms([call.room])).toEqual([])
    },
    reports: [],
  },
  {
    name: 'a token that ended less than a minute ago still opens: clocks differ',
    async run(call) {
      const late = await signed(call, { room: call.room, roomJoin: true }, { ttl: -30 })
      for (const path of ['/rtc', '/rtc/v1']) {
        expect(await validate(call, path, late)).toEqual({
          status: 200,
          body: 'success',
          cors: '*',
        })
      }
      const token = await signed(call, { room: call.room, roomJoin: true }, { ttl: -30 })
      const ada = await joinMedia({ url: call.media.url, token, e2eeKey: null })
      expect(ada.identity).toBe('ada')
      await call.media.webhooks.untilLine(call.room, came('ada'))
      await ada.leave()
    },
    reports: ['room_started', came('ada'), went('ada'), 'room_finished'],
  },
  {
    name: 'a token for another room leads into that one only',
    async run(call) {
      const other = `${call.room}-other`
      const grants = { room: other }
      const ada = await call.join('ada', { grants })
      expect(ada.room.name).toBe(other)
      expect(await call.media.rooms.listParticipants(call.room)).toEqual([])
      await call.media.webhooks.untilLine(other, came('ada'))
      await ada.leave()
      await call.media.webhooks.untilLine(other, went('ada'))
    },
    reports: [],
  },
  {
    name: 'Ivo may publish his microphone only: for his camera he gets a no',
    async run(call) {
      const token = new AccessToken(call.media.apiKey, call.media.apiSecret, { identity: 'ivo' })
      const canPublishSources = [TrackSource.MICROPHONE]
      token.addGrant({ room: call.room, roomJoin: true, canPublishSources })
      const ivo = await openRawSignal(call.media.url, await token.toJwt())
      const join = await ivo.untilAnswer('join', (answer) =>
        answer.case === 'join' ? answer.value : null,
      )
      expect(join.participant?.permission).toMatchObject({
        canSubscribe: true,
        canPublish: true,
        canPublishData: true,
        canPublishSources,
        hidden: false,
      })
      const camera = { cid: 'camera', type: TrackType.VIDEO, source: TrackSource.CAMERA }
      ivo.ask({ case: 'addTrack', value: new AddTrackRequest(camera) })
      const microphone = {
        cid: 'microphone',
        type: TrackType.AUDIO,
        source: TrackSource.MICROPHONE,
      }
      ivo.ask({ case: 'addTrack', value: new AddTrackRequest(microphone) })
      const published = await ivo.untilAnswer('trackPublished', (answer) =>
        answer.case === 'trackPublished' ? answer.value : null,
      )
      expect(published.cid).toBe('microphone')
      // Answers come in the order of the questions.
      const refused = ivo.answers.find(({ case: kind }) => kind === 'requestResponse')
      expect(refused?.value).toMatchObject({
        reason: RequestResponse_Reason.NOT_ALLOWED,
        request: { case: 'addTrack', value: { cid: 'camera' } },
      })
      await ivo.close()
    },
    reports: ['room_started', 'participant_connection_aborted ivo SIGNAL_CLOSE', 'room_finished'],
  },
]
