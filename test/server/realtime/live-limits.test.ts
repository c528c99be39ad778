/** Who may open a live socket, and what ends one that breaks the rules. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'
import { openLive } from '../../support/live-client.ts'
import { hashToken } from '../../../server/auth/account-service.ts'
import { until } from '../../support/until.ts'

let at = 1_800_000_000_000
let app: RunningApp
let ada: Person
beforeAll(async () => {
  app = await runApp({
    now: () => at,
    env: {
      CHATTO_WEBSERVER_ORIGINS: 'https://app.example',
      CHATTO_LIMITS_SOCKET_MESSAGES_PER_SECOND: '100',
      CHATTO_WEBSERVER_TRUSTED_PROXIES: '127.0.0.2',
    },
  })
  ada = await app.signUp('ada')
})
afterAll(() => app.close())

function createGate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

describe('without a session the socket is accepted and closed at once with 4401', () => {
  test.each<[string, Record<string, string | undefined>]>([
    ['no token', { authorization: undefined }],
    ['an unknown token', { authorization: 'Bearer AAAA' }],
    ['a huge token', { authorization: `Bearer ${'a'.repeat(2_000)}` }],
    ['an unknown cookie', { authorization: undefined, cookie: 'chatto_session=AAAA' }],
  ])('%s', async (_name, headers) => {
    const socket = await ada.live({ unwelcome: true, headers: { origin: app.url, ...headers } })
    expect((await socket.closed).code).toBe(4401)
    expect(socket.texts).toEqual([])
  })

  test('one whose session cannot be read is told to come back', async () => {
    const { findSession } = app.store.accounts
    app.store.accounts.findSession = () => Promise.reject(new Error('the database is away'))
    const socket = await ada.live({ unwelcome: true })
    expect((await socket.closed).code).toBe(1012)
    app.store.accounts.findSession = findSession
    expect(socket.texts).toEqual([])
  })

  test('what it says meanwhile is not heard', async () => {
    const socket = await openLive(app.port, { unwelcome: true })
    socket.say({ type: 'ping' })
    expect((await socket.closed).code).toBe(4401)
    expect(socket.texts).toEqual([])
  })
})

describe('origins and hosts', () => {
  const cookie = () => `chatto_session=${ada.token}`
  const refused = (headers: Record<string, string | undefined>) =>
    expect(ada.live({ headers })).rejects

  test.each([
    ['this host', () => app.url],
    ['the configured url', () => 'https://chat.example'],
    ['another configured origin', () => 'https://app.example'],
  ])('a browser may come from %s, with its cookie', async (_name, origin) => {
    const headers = { authorization: undefined, cookie: cookie(), origin: origin() }
    const socket = await ada.live({ headers })
    expect(socket.welcome.userId).toBe(ada.id)
    await socket.close()
  })

  test.each([
    ['a foreign site', 'https://evil.example'],
    ['nowhere', 'null'],
    ['a look-alike', 'https://chat.example.evil.example'],
    ['another port of this host', 'http://127.0.0.1:1'],
    ['the configured name without TLS', 'http://chat.example'],
    ['a file', 'file://'],
  ])('403 from %s, whatever the session', async (_name, origin) => {
    await refused({ origin }).toThrow('403')
    await refused({ origin, authorization: undefined, cookie: cookie() }).toThrow('403')
  })

  test('the refusal says why, as every error does', async () => {
    const headers = { upgrade: 'websocket', connection: 'Upgrade', host: 'evil.example' }
    const answer = await app.ask('GET', '/api/live', {
      headers: {
        ...headers,
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    })
    expect(answer.status).toBe(421)
    expect(answer.body).toMatchObject({ error: { code: 'wrong-host' } })
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  test('403 with a cookie and no Origin: that is no browser’s', async () => {
    await refused({ authorization: undefined, cookie: cookie() }).toThrow('403')
  })

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1@evil.example', '[::1'])(
    '421 for the host “%s”',
    async (host) => {
      await refused({ host }).toThrow('421')
    },
  )
})

describe('what is said before the welcome', () => {
  /** Opens a socket that is not welcomed before `release`. */
  async function openEarly() {
    const { findSession } = app.store.accounts
    const gate = createGate()
    app.store.accounts.findSession = async (...of) => {
      await gate.opened
      return findSession(...of)
    }
    const socket = await ada.live({ unwelcome: true })
    app.store.accounts.findSession = findSession
    return { socket, release: gate.open }
  }

  test('is answered after it, in its order', async () => {
    const room = await ada.makeRoom('Early')
    const { socket, release } = await openEarly()
    socket.say({ type: 'sync', rooms: { [room.id]: 0, nowhere: 3 } })
    socket.sayRaw('nonsense')
    socket.say({ type: 'ping' })
    release()
    await socket.until('pong')
    await socket.until('room-gone')
    expect(socket.messages[0]?.type).toBe('welcome')
    expect(socket.messages.filter(({ type }) => type === 'room-gone')).toEqual([
      { type: 'room-gone', roomId: 'nowhere' },
    ])
    const answers = socket.messages.map(({ type }) => type)
    expect(answers.indexOf('error')).toBeLessThan(answers.indexOf('pong'))
    await socket.close()
  })

  test('ends the socket at once when it is too large or too much', async () => {
    const { socket, release } = await openEarly()
    socket.sayRaw('x'.repeat(64 * 1024 + 1))
    expect((await socket.closed).code).toBe(1009)
    release()
    const other = await openEarly()
    for (let i = 0; i <= 100; i++) other.socket.say({ type: 'ping' })
    expect((await other.socket.closed).code).toBe(4429)
    other.release()
    expect([...socket.texts, ...other.socket.texts]).toEqual([])
  })
})

test('R48 a room that was gained a moment ago is not gone', async () => {
  const bo = await app.signUp('bo')
  const socket = await bo.live()
  const room = await ada.makeRoom('Gained')
  const { find } = app.store.rooms
  const gate = createGate()
  app.store.rooms.find = async (id) => {
    await gate.opened
    return find(id)
  }
  await bo.enter(room)
  socket.say({ type: 'sync', rooms: { [room.id]: 1, nowhere: 1 } })
  await socket.until('room-gone')
  app.store.rooms.find = find
  gate.open()
  await socket.until('room', (message) => message.room.id === room.id)
  expect(socket.messages.filter(({ type }) => type === 'room-gone')).toEqual([
    { type: 'room-gone', roomId: 'nowhere' },
  ])
  await socket.close()
})

describe('strikes', () => {
  test('an error for each malformed message, and 1008 with the fifth', async () => {
    const socket = await ada.live()
    const strikes = ['hello', '{"type":"dance"}', '[]', '{"type":"sync","rooms":{"x":-1}}']
    strikes.forEach((text) => socket.sayRaw(text))
    socket.say({ type: 'ping' })
    await socket.until('pong')
    socket.sayRaw(Buffer.from([1, 2, 3]))
    expect((await socket.closed).code).toBe(1008)
    expect(socket.messages.filter((m) => m.type === 'error')).toEqual(
      Array.from({ length: 5 }, () => ({ type: 'error', code: 'invalid-message' })),
    )
  })

  test('1009 at once for a frame above 64 kB, of one piece or of many; at 64 kB only a strike', async () => {
    const fine = await ada.live()
    fine.sayRaw('x'.repeat(64 * 1024))
    await fine.until('error')
    await fine.close()
    for (const size of [64 * 1024 + 1, 900_000]) {
      const socket = await ada.live()
      socket.sayRaw('x'.repeat(size))
      expect(`${size} ${(await socket.closed).code}`).toBe(`${size} 1009`)
      expect(socket.messages.filter((m) => m.type === 'error')).toEqual([])
    }
    const pieces = await ada.live()
    for (let i = 0; i < 8; i++) pieces.socket.send('x'.repeat(10_000), { fin: i === 7 })
    expect((await pieces.closed).code).toBe(1009)
  })

  test('a frame that no memory is for ends the socket too', async () => {
    const socket = await ada.live()
    socket.sayRaw(randomBytes(1_100_000))
    expect([1006, 1009]).toContain((await socket.closed).code)
  })
})

test('4429 for more than so many messages a second; in the next second they count anew', async () => {
  const socket = await ada.live()
  for (let i = 0; i < 100; i++) socket.say({ type: 'ping' })
  await socket.until('pong', () => socket.messages.filter((m) => m.type === 'pong').length === 100)
  at += 1_000
  for (let i = 0; i < 100; i++) socket.say({ type: 'ping' })
  await socket.until('pong', () => socket.messages.filter((m) => m.type === 'pong').length === 200)
  socket.say({ type: 'ping' })
  expect((await socket.closed).code).toBe(4429)
})

const day = 24 * 3600_000

test('who is connected uses their session: it goes on for months', async () => {
  const socket = await ada.live()
  for (let weeks = 0; weeks < 12; weeks += 3) {
    at += 21 * day
    await until('the session is prolonged', 10_000, async () => {
      const found = await app.store.accounts.findSession(hashToken(ada.token), at)
      return found?.session.expiresAt === at + 30 * day
    })
  }
  socket.say({ type: 'ping' })
  await socket.until('pong')
})

test('4403 when the session expires while the socket is open, and the reason says that nobody ended it', async () => {
  const socket = await ada.live()
  at += 30 * day
  expect(await socket.closed).toMatchObject({ code: 4403, reason: 'the session expired' })
  const again = await ada.live({ unwelcome: true })
  expect(await again.closed).toMatchObject({ code: 4401, reason: 'the session expired' })
})

test('4401 of a session that somebody ended while its socket was away does not say that its time is over', async () => {
  const dee = await app.signUp('dee')
  await dee.post('/api/auth/logout')
  at += 30 * day
  const late = await dee.live({ unwelcome: true })
  expect(await late.closed).toMatchObject({ code: 4401, reason: 'not signed in' })
})
