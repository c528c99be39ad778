/** The media process: found again, replaced, started again, ended; people stay in their call meanwhile. */
import { createSocket } from 'node:dgram'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AccessToken, RoomServiceClient, ServerError } from 'livekit-server-sdk'
import { WebSocket } from 'ws'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { issueToken } from '../../../../server/livekit/tokens.ts'
import {
  isRunning,
  startEmbeddedMedia,
  untilProcessIsGone,
  type EmbeddedMedia,
} from '../../../support/embedded-media.ts'
import { disposeRtc, joinAsPerson, type RtcPerson } from '../../../support/rtc-person.ts'
import { until } from '../../../support/until.ts'

const timeoutMs = 90_000
const e2eeKey = Buffer.alloc(32, 7).toString('base64')

let media: EmbeddedMedia
const people: RtcPerson[] = []
beforeEach(async () => {
  media = await startEmbeddedMedia({ departureTimeoutS: 30 })
}, timeoutMs)
afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.leave()))
  await media.dispose()
}, timeoutMs)
afterAll(disposeRtc)

const http = () => media.url.replace(/^ws/, 'http')
const rooms = () => new RoomServiceClient(http(), media.apiKey, media.apiSecret)
async function tokenOf(identity: string): Promise<string> {
  const { token } = await issueToken({
    ...media,
    livekitRoomName: 'kitchen',
    identity,
    now: Date.now(),
  })
  return token
}
async function enter(identity: string, hz: number): Promise<RtcPerson> {
  const token = await tokenOf(identity)
  const person = await joinAsPerson({ livekitUrl: media.url, token, e2eeKey })
  people.push(person)
  await person.playTone(hz)
  await person.showPicture()
  return person
}
const identities = async () =>
  (await rooms().listParticipants('kitchen')).map(({ identity }) => identity).sort()

/** Tones may still be in somebody's ear from before; further pictures are not. */
async function untilTheyMeet(ada: RtcPerson, bo: RtcPerson): Promise<void> {
  await Promise.all([
    ada.untilHears('bo', 700),
    bo.untilHears('ada', 500),
    ada.untilPictures('bo', 3),
    bo.untilPictures('ada', 3),
  ])
}

test.skipIf(process.platform !== 'linux')(
  'nobody else can reach its socket, and no secret is in its command line or environment',
  () => {
    const folder = join(media.folder, 'media')
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'link')).isSocket()).toBe(true)
    for (const file of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${media.mediaPid}/${file}`, 'utf8')
      expect(text).not.toContain(media.apiSecret)
      expect(text).not.toContain('CHATTO_')
    }
    expect(readFileSync(`/proc/${media.mediaPid}/cmdline`, 'utf8')).toContain(join(folder, 'link'))
  },
)

test(
  'the web process is killed and comes back: the media process is the same and Ada and Bo are still in it',
  async () => {
    const [ada, bo] = [await enter('ada', 500), await enter('bo', 700)]
    await untilTheyMeet(ada, bo)
    const { mediaPid, webPid } = media

    await media.killWeb()
    expect(isRunning(mediaPid)).toBe(true)
    await media.startWeb()

    expect(media.mediaPid).toBe(mediaPid)
    expect(media.webPid).not.toBe(webPid)
    expect(await identities()).toEqual(['ada', 'bo'])
    const isBack = (person: RtcPerson) => person.room.isConnected && person.others().length === 1
    await until('both are back', 30_000, () => isBack(ada) && isBack(bo))
    await untilTheyMeet(ada, bo)
    expect(await identities()).toEqual(['ada', 'bo'])
  },
  timeoutMs,
)

test(
  'the media process is killed: another one is started and Ada and Bo are back in the call',
  async () => {
    const [ada, bo] = [await enter('ada', 500), await enter('bo', 700)]
    await untilTheyMeet(ada, bo)
    const before = media.mediaPid

    await media.killMedia()

    expect(media.mediaPid).not.toBe(before)
    await until('both are listed again', 30_000, async () => (await identities()).length === 2)
    await untilTheyMeet(ada, bo)
    expect([ada.disconnectReason, bo.disconnectReason]).toEqual([null, null])
  },
  timeoutMs,
)

test(
  'a question during the start of another media process is answered when that one is there',
  async () => {
    await rooms().createRoom({ name: 'kitchen' })
    const killed = media.killMedia()
    await untilProcessIsGone(media.mediaPid)
    const answer = await until('the question is answered', 60_000, () =>
      rooms()
        .listRooms()
        .catch((error: unknown) => {
          // On a slow machine it may have to be asked again; it is never answered wrongly.
          if (error instanceof ServerError && error.code === 'unavailable') return undefined
          throw error
        }),
    )
    expect(answer).toEqual([])
    await killed
  },
  timeoutMs,
)

describe('an operator stops the web process', () => {
  test(
    'with no room open the media process ends at once',
    async () => {
      const { mediaPid } = media
      await media.stopWeb()
      await untilProcessIsGone(mediaPid)
    },
    timeoutMs,
  )

  test(
    'with a room open the media process goes on, and the next web process takes it up',
    async () => {
      await rooms().createRoom({ name: 'kitchen', emptyTimeout: 60 })
      const { mediaPid } = media
      await media.stopWeb()
      await media.startWeb()
      expect(media.mediaPid).toBe(mediaPid)
      expect((await rooms().listRooms()).map(({ name }) => name)).toEqual(['kitchen'])
    },
    timeoutMs,
  )
})

test.each([
  ['another program', { version: '2' }],
  ['another secret', { apiSecret: 'another-secret-of-tests-only-98765' }],
])(
  'for %s the media process that runs is ended and another one is started',
  async (_what, changed) => {
    await rooms().createRoom({ name: 'kitchen', emptyTimeout: 60 })
    const { mediaPid } = media
    await media.killWeb()
    await media.startWeb(changed)
    expect(media.mediaPid).not.toBe(mediaPid)
    expect(isRunning(mediaPid)).toBe(false)
  },
  timeoutMs,
)

test(
  'with its UDP ports taken the start fails and says why',
  async () => {
    const taken = createSocket('udp4')
    await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve))
    const { port } = taken.address()
    const started = startEmbeddedMedia({ udpPorts: { from: port, to: port } })
    await expect(started).rejects.toThrow(String(port))
    await new Promise<void>((resolve) => taken.close(() => resolve()))
  },
  timeoutMs,
)

describe('who may open a connection', () => {
  /** The HTTP status of a refused upgrade; 101 when it is open. */
  async function upgrade(query: string, headers: Record<string, string> = {}): Promise<number> {
    const socket = new WebSocket(`${media.url}/rtc${query}`, { headers })
    return new Promise((resolve, reject) => {
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
      socket.once('open', () => {
        resolve(101)
        socket.close()
      })
      socket.once('error', reject)
    })
  }
  async function tokenWith(grants: object, secret = media.apiSecret): Promise<string> {
    const access = new AccessToken(media.apiKey, secret, { identity: 'eve', ttl: 60 })
    access.addGrant(grants)
    return access.toJwt()
  }

  test(
    'with a token in the query or in the header; nobody without, nobody with a bad one',
    async () => {
      const good = await tokenOf('ada')
      expect(await upgrade(`?access_token=${good}&protocol=16`)).toBe(101)
      expect(await upgrade('?protocol=16', { authorization: `Bearer ${good}` })).toBe(101)

      expect(await upgrade('')).toBe(401)
      expect(await upgrade('?access_token=x')).toBe(401)
      expect(await upgrade('', { authorization: 'Basic x' })).toBe(401)
      const forged = await tokenWith({ roomJoin: true, room: 'kitchen' }, 'another secret')
      expect(await upgrade(`?access_token=${forged}`)).toBe(401)
      expect(await upgrade(`?access_token=${await tokenWith({ room: 'kitchen' })}`)).toBe(401)
      expect(await upgrade(`?access_token=${await tokenWith({ roomJoin: true })}`)).toBe(400)
      expect(await upgrade(`/v1?access_token=${good}`)).toBe(400)
      expect((await fetch(`${http()}/rtc?access_token=${good}`)).status).toBe(404)
    },
    timeoutMs,
  )

  test(
    'Eve sends noise, floods and connects without end: only her own sockets close, the call goes on',
    async () => {
      const [ada, bo] = [await enter('ada', 500), await enter('bo', 700)]
      const before = media.mediaPid
      const token = await tokenWith({ roomJoin: true, room: 'kitchen' })
      const noise = (bytes: number) =>
        Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 97) % 256))

      const closed = await Promise.all(
        [noise(10), noise(5_000), noise(600_000), 'flood' as const].map(
          (what) =>
            new Promise<number>((resolve) => {
              const socket = new WebSocket(`${media.url}/rtc?access_token=${token}&protocol=16`)
              socket.on('open', () => {
                if (what === 'flood')
                  for (let i = 0; i < 1_000; i += 1) socket.send(Buffer.alloc(0))
                else socket.send(what)
              })
              socket.on('error', () => undefined)
              socket.on('close', resolve)
            }),
        ),
      )
      expect(closed).toHaveLength(4)
      const statuses = await Promise.all(
        Array.from({ length: 100 }, () => upgrade(`?access_token=${token}&protocol=16`)),
      )
      expect(statuses.every((status) => status === 101 || status === 503)).toBe(true)

      expect(media.mediaPid).toBe(before)
      await untilTheyMeet(ada, bo)
      expect([ada.disconnectReason, bo.disconnectReason]).toEqual([null, null])
    },
    timeoutMs,
  )
})
