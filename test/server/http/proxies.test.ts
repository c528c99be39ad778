/** Who stands in front of the server: what is believed of them, and what the operator is told. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { goodPassword, runApp, type Person, type RunningApp } from '../../support/running-app.ts'

/** Each line that the log has at warn. */
const warnings = (app: RunningApp) =>
  app.logLines
    .map((line) => JSON.parse(line) as { level: number; msg: string })
    .filter(({ level }) => level === 40)
    .map(({ msg }) => msg)

const proxyHost = '127.0.0.1:8080'
const origin = 'https://chat.example:9000'

describe('a proxy that passes on a Host of its own', () => {
  let app: RunningApp
  let ada: Person
  beforeAll(async () => {
    app = await runApp({
      env: {
        CHATTO_WEBSERVER_URL: origin,
        CHATTO_WEBSERVER_ORIGINS: 'http://intranet.example',
        CHATTO_LIVEKIT_EMBEDDED: 'true',
        CHATTO_LIVEKIT_URL: '',
        CHATTO_LIVEKIT_API_KEY: '',
        CHATTO_LIVEKIT_API_SECRET: '',
      },
    })
    ada = await app.signUp('ada')
  })
  afterAll(() => app.close())

  const signIn = (headers: Record<string, string>) =>
    app.ask('POST', '/api/auth/login', { body: { login: 'ada', password: goodPassword }, headers })
  const joinFrom = async (headers: Record<string, string>) => {
    const room = await ada.makeRoom('Proxied')
    const answer = await app.ask('POST', `/api/rooms/${room.id}/call/join`, {
      body: {},
      headers: { authorization: `Bearer ${ada.token}`, ...headers },
    })
    return (answer.body as { livekitUrl: string }).livekitUrl
  }

  test('the configured origin that the browser names is where it finds the media', async () => {
    expect(await joinFrom({ host: proxyHost, origin })).toBe('wss://chat.example:9000/livekit')
    expect(await joinFrom({ host: proxyHost, origin: 'http://intranet.example' })).toBe(
      'ws://intranet.example/livekit',
    )
    // Nobody’s word but the Host’s.
    expect(await joinFrom({ host: proxyHost })).toBe(`ws://${proxyHost}/livekit`)
  })

  test('its cookie is for https only, and for http where the browser came by that', async () => {
    const secure = await signIn({ host: proxyHost, origin })
    expect(secure.headers['set-cookie']?.[0]).toContain('; Secure')
    const plain = await signIn({ host: proxyHost, origin: 'http://intranet.example' })
    expect(plain.headers['set-cookie']?.[0]).not.toContain('Secure')
  })

  test('its page may open sockets to the configured origins, which it does not name', async () => {
    const page = await app.ask('GET', '/', { headers: { host: proxyHost } })
    const policy = String(page.headers['content-security-policy'])
    const connect = /connect-src ([^;]*)/.exec(policy)?.[1]?.split(' ')
    expect(connect).toEqual(
      expect.arrayContaining(["'self'", 'wss://chat.example:9000', 'ws://intranet.example']),
    )
  })

  test('the operator reads it once', async () => {
    await signIn({ host: proxyHost, origin })
    await signIn({ host: proxyHost, origin })
    const told = warnings(app).filter((line) => line.includes('a proxy passes on the Host'))
    expect(told.filter((line) => line.includes(origin))).toEqual([
      expect.stringContaining(`the Host ${proxyHost} where browsers say ${origin}`),
    ])
  })
})

describe('what the operator is told', () => {
  let app: RunningApp
  beforeEach(async () => {
    app = await runApp({ calls: false, env: { CHATTO_LIMITS_SIGN_INS_PER_MINUTE: '2' } })
  })
  afterEach(() => app.close())

  const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
    app.ask(method, path, { headers, ...(method === 'POST' && { body: {} }) })

  test('of limits that all share behind a proxy whose word does not count: once, with the key', async () => {
    for (const client of ['203.0.113.1', '203.0.113.2', '203.0.113.3']) {
      await ask('/api/config', { 'x-forwarded-for': client })
    }
    expect(warnings(app).filter((line) => line.includes('X-Forwarded-For'))).toEqual([
      expect.stringContaining('set [webserver] trusted_proxies = ["127.0.0.1"]'),
    ])
    // R54: the health says so as well.
    const admin = await app.signUp('admin')
    const { troubles } = await admin.get<{ troubles: object[] }>('/api/admin/health')
    expect(troubles).toMatchObject([
      { part: 'proxy', message: expect.stringContaining('trusted_proxies') as unknown },
    ])
    const limited = []
    for (const client of ['203.0.113.1', '203.0.113.2', '203.0.113.3']) {
      limited.push(
        await app.ask('POST', '/api/auth/login', {
          body: { login: 'ada', password: goodPassword },
          headers: { 'x-forwarded-for': client },
        }),
      )
    }
    expect(limited.map(({ status }) => status)).toEqual([401, 401, 429])
    const { error } = limited[2]?.body as { error: { details: { retryAfterMs: number } } }
    expect(error.details.retryAfterMs).toBeGreaterThan(1_000)
  })

  test('of a page whose origin is not configured, and of a host that is not: once each', async () => {
    for (let i = 0; i < 2; i += 1) {
      const origin = 'https://talk.example'
      expect((await ask('/api/auth/login', { origin }, 'POST')).status).toBe(403)
      expect((await ask('/api/config', { host: 'talk.example' })).status).toBe(421)
      expect((await ask('/', { host: 'talk.example' })).status).toBe(421)
    }
    expect(warnings(app)).toEqual([
      expect.stringMatching(/pages of https:\/\/talk\.example .*\[webserver\] url or origins/),
      expect.stringMatching(/the host talk\.example was refused.*\[webserver\] url or origins/),
    ])
  })

  test('no more of each than of three, whoever makes them up', async () => {
    for (let i = 0; i < 20; i += 1) await ask('/api/config', { host: `host-${i}.example` })
    expect(warnings(app)).toHaveLength(3)
  })

  test('of a live connection that a proxy made a plain request of', async () => {
    const stripped = {
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    }
    for (let i = 0; i < 2; i += 1) expect((await ask('/api/live', stripped)).status).toBe(404)
    expect(warnings(app)).toEqual([expect.stringContaining('passes no WebSockets')])
  })

  test('of a page that says that its live connections fail', async () => {
    for (let i = 0; i < 2; i += 1) expect((await ask('/api/live', {})).status).toBe(404)
    expect(warnings(app)).toEqual([expect.stringContaining('its live connections fail')])
  })
})

describe('metrics', () => {
  test('are for this machine where nobody comes from elsewhere, and never by way of a proxy', async () => {
    const app = await runApp({ env: { CHATTO_WEBSERVER_URL: 'http://localhost:8080' } })
    try {
      const ask = async (headers: Record<string, string>) =>
        (await app.ask('GET', '/metrics', { headers })).status
      expect(await ask({})).toBe(200)
      expect(await ask({ host: 'localhost' })).toBe(200)
      for (const name of ['x-forwarded-for', 'x-forwarded-port', 'forwarded', 'via', 'x-real-ip']) {
        expect([name, await ask({ [name]: '1' })]).toEqual([name, 403])
      }
      expect(await ask({ host: '192.168.1.7:8080' })).toBe(403)
    } finally {
      await app.close()
    }
  })
})
