import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { LivekitUnavailable } from '../../../server/livekit/livekit-unavailable.ts'
import { createLivekitRooms } from '../../../server/livekit/room-service.ts'
import { findFreePort } from '../../support/free-port.ts'
import { apiKey, apiSecret } from '../../support/webhook-token.ts'

/** What answers here is not LiveKit, or not well: with the real one see livekit.real.test.ts. */
const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
})

async function listen(answer: RequestListener): Promise<number> {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (!address || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function roomsAt(answer: RequestListener, timeoutMs = 2_000) {
  const url = `ws://127.0.0.1:${await listen(answer)}`
  return createLivekitRooms({ url, apiKey, apiSecret, timeoutMs })
}

const answering =
  (status: number, type: string, body: string): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': type }).end(body)
  }
const twirp = (status: number, code: string) =>
  answering(status, 'application/json', JSON.stringify({ code, msg: `about ${apiSecret}` }))

async function troubleOf(work: Promise<unknown>): Promise<LivekitUnavailable> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof LivekitUnavailable)) throw new Error(`not ours: ${String(error)}`)
  return error
}

test('R36 LiveKit’s own “not found” is an empty list, and done', async () => {
  const rooms = await roomsAt(twirp(404, 'not_found'))
  expect(await rooms.listSessions('house.room1@call1')).toEqual([])
  expect(await rooms.evict('house.room1@call1', 'ada:page1')).toBe('gone')
  await rooms.closeRoom('house.room1@call1')
})

test.each([
  ['a proxy’s 404', answering(404, 'text/html', '<h1>Not Found</h1>')],
  ['another program’s 404', answering(404, 'application/json', '{"error":"no such page"}')],
])('R36 %s is no empty list: nobody is put in doubt by it', async (_name, answer) => {
  const rooms = await roomsAt(answer)
  for (const work of [
    rooms.listSessions('house.room1@call1'),
    rooms.evict('house.room1@call1', 'ada:page1'),
    rooms.closeRoom('house.room1@call1'),
    rooms.listRooms(),
  ]) {
    expect((await troubleOf(work)).code).toBe('other')
  }
})

test.each([
  ['a wrong secret', twirp(401, 'unauthenticated'), 'unauthenticated'],
  ['a key that may not', twirp(403, 'permission_denied'), 'unauthenticated'],
  ['LiveKit that is starting', twirp(503, 'unavailable'), 'refused'],
  ['LiveKit in trouble', twirp(500, 'internal'), 'refused'],
  ['a path that LiveKit does not know', twirp(404, 'bad_route'), 'refused'],
  ['a gateway without LiveKit', answering(502, 'text/html', 'Bad Gateway'), 'other'],
  ['a page in place of an answer', answering(200, 'text/html', '<!doctype html>'), 'other'],
  ['an answer of another kind', answering(200, 'application/json', '{"participants":5}'), 'other'],
])('R36 %s', async (_name, answer, code) => {
  const rooms = await roomsAt(answer)
  expect((await troubleOf(rooms.listSessions('house.room1@call1'))).code).toBe(code)
})

test('R36 nobody at that address', async () => {
  const port = await listen(answering(200, 'text/plain', ''))
  const [server] = servers.splice(0)
  await new Promise((resolve) => server?.close(resolve))
  const rooms = createLivekitRooms({ url: `ws://127.0.0.1:${port}`, apiKey, apiSecret })
  const trouble = await troubleOf(rooms.ping())
  expect(trouble).toMatchObject({ code: 'unreachable' })
  expect(trouble.message).toContain('ECONNREFUSED')
})

test('R37 a LiveKit that hangs is given up in time', async () => {
  const rooms = await roomsAt(() => undefined, 100)
  const before = performance.now()
  expect((await troubleOf(rooms.listRooms())).code).toBe('timeout')
  expect(performance.now() - before).toBeLessThan(2_000)
})

test('R37 so is one whose answer never ends', async () => {
  const rooms = await roomsAt((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"rooms":')
  }, 100)
  expect((await troubleOf(rooms.listRooms())).code).toBe('timeout')
})

test('R5 R54 no error holds a secret or a token; each names the address that was asked', async () => {
  for (const answer of [
    twirp(500, 'internal'),
    twirp(401, 'unauthenticated'),
    twirp(400, apiSecret),
  ]) {
    const trouble = await troubleOf((await roomsAt(answer)).ping())
    const everything = JSON.stringify(trouble, Object.getOwnPropertyNames(trouble))
    expect(everything).not.toContain(apiSecret)
    expect(everything).not.toContain('eyJ')
    expect(trouble.message).toContain('ws://127.0.0.1:')
    expect(trouble.cause).toBeUndefined()
  }
})

test('host and port of the url stay, ws becomes http', async () => {
  let asked = ''
  const port = await listen((request, response) => {
    asked = `${request.headers.host} ${request.url}`
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  const rooms = createLivekitRooms({ url: `WS://127.0.0.1:${port}`, apiKey, apiSecret })
  expect(await rooms.listRooms()).toEqual([])
  expect(asked).toBe(`127.0.0.1:${port} /twirp/livekit.RoomService/ListRooms`)
})

test.each(['/sfu', '/a/b/'])('a LiveKit under the path %s is asked below it', async (path) => {
  let asked = ''
  const port = await listen((request, response) => {
    asked = request.url ?? ''
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  const rooms = createLivekitRooms({ url: `ws://127.0.0.1:${port}${path}`, apiKey, apiSecret })
  await rooms.openRoom('house.room1@call1')
  expect(asked).toBe(`${path.replace(/\/$/, '')}/twirp/livekit.RoomService/CreateRoom`)
})

test('a room is opened with the times that a join’s token names', async () => {
  let body = ''
  const rooms = await roomsAt((request, response) => {
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await rooms.openRoom('house.room1@call1')
  expect(JSON.parse(body)).toEqual({
    name: 'house.room1@call1',
    emptyTimeout: 60,
    departureTimeout: 20,
  })
})

test('R54 a refusal by a LiveKit whose clock is two minutes behind is no wrong secret', async () => {
  const skews: number[] = []
  const answer: RequestListener = (_request, response) => {
    const date = new Date(Date.now() - 120_000).toUTCString()
    response.writeHead(401, { date }).end('token is not valid yet')
  }
  const url = `ws://127.0.0.1:${await listen(answer)}`
  const rooms = createLivekitRooms({
    url,
    apiKey,
    apiSecret,
    onClock: (skewMs) => skews.push(skewMs),
  })
  const trouble = await troubleOf(rooms.ping())
  expect(trouble.code).toBe('clock')
  expect(trouble.message).toMatch(/clock is 1(19|20|21) s behind this server’s/)
  expect(skews).toEqual([expect.closeTo(-120_000, -4)])
})

test('R54 clocks that agree leave a refusal to the key and the secret', async () => {
  const skews: number[] = []
  const url = `ws://127.0.0.1:${await listen(twirp(401, 'unauthenticated'))}`
  const onClock = (skewMs: number) => skews.push(skewMs)
  const trouble = await troubleOf(
    createLivekitRooms({ url, apiKey, apiSecret, onClock }).listRooms(),
  )
  expect(trouble.code).toBe('unauthenticated')
  expect(Math.abs(skews[0] ?? NaN)).toBeLessThan(2_000)
})

test.each([
  ['ws://livekit.invalid', /cannot be resolved.*\((ENOTFOUND|EAI_AGAIN)\).*internal_url/],
  ['wss://127.0.0.1:PLAIN', /does not speak TLS/],
  ['ws://127.0.0.1:CLOSED', /nothing listens at ws:\/\/127\.0\.0\.1:\d+,.*ECONNREFUSED/],
  ['ws://127.0.0.1:9', /port .* is one that is never asked/],
])('R54 %s: the cause, the address and what to do', async (given, expected) => {
  const plain = await listen(answering(200, 'text/plain', ''))
  const closed = String(await findFreePort())
  const url = given.replace('PLAIN', String(plain)).replace('CLOSED', closed)
  const trouble = await troubleOf(createLivekitRooms({ url, apiKey, apiSecret }).ping())
  expect(trouble.code).toBe('unreachable')
  expect(trouble.message).toMatch(expected)
})

test('R33 asking for no rooms does not ask for all of them', async () => {
  let requests = 0
  const rooms = await roomsAt((_request, response) => {
    requests += 1
    response.end()
  })
  expect(await rooms.listRooms([])).toEqual([])
  expect(requests).toBe(0)
})

test('R28 only people are listed, as a call knows them', async () => {
  const person = {
    sid: 'PA_1',
    identity: 'ada:page1',
    state: 'ACTIVE',
    joinedAtMs: '1800000000123',
  }
  const participants = [
    person,
    { ...person, identity: 'bo:page1', state: 'JOINED', joinedAtMs: '0', joinedAt: '1800000000' },
    { ...person, identity: 'chen:page1', state: 'DISCONNECTED' },
    { sid: 'PA_4', identity: 'dan:page1' },
    { ...person, identity: 'agent', kind: 'AGENT' },
    { ...person, identity: 'egress', kind: 'EGRESS' },
    { ...person, identity: 'hidden', permission: { hidden: true } },
    { ...person, identity: 'recorder', permission: { recorder: true } },
  ]
  const rooms = await roomsAt(answering(200, 'application/json', JSON.stringify({ participants })))
  expect(await rooms.listSessions('house.room1@call1')).toEqual([
    {
      identity: 'ada:page1',
      participantSid: 'PA_1',
      state: 'ACTIVE',
      joinedAtMs: 1_800_000_000_123,
    },
    {
      identity: 'bo:page1',
      participantSid: 'PA_1',
      state: 'JOINED',
      joinedAtMs: 1_800_000_000_000,
    },
    {
      identity: 'chen:page1',
      participantSid: 'PA_1',
      state: 'DISCONNECTED',
      joinedAtMs: 1_800_000_000_123,
    },
    { identity: 'dan:page1', participantSid: 'PA_4', state: 'JOINING', joinedAtMs: 0 },
  ])
})
