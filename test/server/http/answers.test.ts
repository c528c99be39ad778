/** What every answer has in common: headers, HEAD, errors, hosts and origins, health, static files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goodPassword, runApp, type Person, type RunningApp } from '../../support/running-app.ts'

const script = 'export const a = 1\n'
let webRoot: string
let app: RunningApp
let ada: Person
beforeAll(async () => {
  webRoot = mkdtempSync(join(tmpdir(), 'chatto-web-'))
  mkdirSync(join(webRoot, 'assets'))
  const page = '<!doctype html><meta property="csp-nonce" nonce="__CSP_NONCE__">'
  writeFileSync(join(webRoot, 'index.html'), page)
  writeFileSync(join(webRoot, 'assets/app-1a2b.js'), script)
  writeFileSync(join(webRoot, 'assets/app-1a2b.js.gz'), gzipSync(script))
  app = await runApp({
    webRoot,
    env: {
      CHATTO_WEBSERVER_ORIGINS: 'https://app.example:8443',
      CHATTO_WEBSERVER_TRUSTED_PROXIES: '127.0.0.1',
      CHATTO_METRICS_TOKEN: 'metrics token',
    },
  })
  ada = await app.signUp('ada')
})
afterAll(async () => {
  await app.close()
  rmSync(webRoot, { recursive: true })
})

const get = (path: string, headers = {}) => app.ask('GET', path, { headers })

describe('under /api', () => {
  test.each(['/api', '/api/', '/api/nothing', '/api/rooms/a/b/c', '/api/live', '/api/config/'])(
    '%s is a JSON 404',
    async (path) => {
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'TRACE']) {
        const answer = await app.ask(method, path)
        expect(answer.status).toBe(404)
        expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
        expect(answer.body).toEqual({
          error: { code: 'not-found', message: expect.any(String), details: {} },
        })
      }
    },
  )

  test('every answer is no-store and never a page, whether it is fine, an error or empty', async () => {
    const token = { authorization: `Bearer ${ada.token}` }
    const answers = [
      await get('/api/config'),
      await get('/api/me'),
      await get('/api/me', token),
      await get('/api/nothing'),
      await get('/api/me', { host: 'evil.example' }),
      await app.ask('POST', '/api/auth/login', { raw: '{' }),
      await app.ask('PUT', `/api/rooms/x/members/${ada.id}`, { headers: token }),
    ]
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-security-policy': expect.stringContaining(`default-src 'none'`),
        'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      })
      expect(headers).not.toHaveProperty('access-control-allow-origin')
    }
  })

  test('HEAD answers as GET does, without the body', async () => {
    for (const path of [
      '/api/config',
      '/api/me',
      '/api/nothing',
      '/healthz',
      '/',
      '/assets/app-1a2b.js',
    ]) {
      const [full, bare] = [await get(path), await app.ask('HEAD', path)]
      expect([path, bare.status, bare.text]).toEqual([path, full.status, ''])
      expect(bare.headers['content-length']).toBe(String(Buffer.byteLength(full.text)))
    }
  })

  test('204 says no length at all, and the connection goes on', async () => {
    const room = await ada.makeRoom('Gone')
    const answer = await ada.ask('DELETE', `/api/rooms/${room.id}`)
    expect(answer.status).toBe(204)
    expect(answer.headers).not.toHaveProperty('content-length')
    expect((await ada.ask('GET', '/api/me')).status).toBe(200)
  })
})

describe('hosts and origins', () => {
  test.each([
    'localhost',
    'LOCALHOST:1',
    '127.0.0.1',
    '[::1]:8080',
    '192.168.1.7:8080',
    'chat.example',
    'app.example',
  ])('the host %s is ours', async (host) =>
    expect((await get('/api/config', { host })).status).toBe(200),
  )

  test.each([
    'evil.example',
    'chat.example.evil.example',
    'localhost.evil.example',
    'chatexample',
    '%6cocalhost',
  ])(
    '421 for the host %s, on the API, on pages, on metrics; not on the webhook, which is signed',
    async (host) => {
      for (const path of ['/api/config', '/', '/healthz', '/metrics', '/assets/app-1a2b.js']) {
        const answer = await get(path, { host })
        expect([path, answer.status]).toEqual([path, 421])
        expect(answer.body).toMatchObject({ error: { code: 'wrong-host' } })
      }
      const webhook = await app.reportRaw('{"event":"room_started","id":"a"}', { host })
      expect(webhook.status).toBe(200)
    },
  )

  test('an unsafe request may come from this host or a configured origin; a safe one from anywhere', async () => {
    const cookie = `chatto_session=${ada.token}`
    const rename = (origin: string | undefined) =>
      app.ask('POST', '/api/rooms', {
        body: { name: 'x', visibility: 'private' },
        headers: { cookie, origin },
      })
    for (const origin of [app.url, 'https://chat.example', 'https://app.example:8443']) {
      expect([origin, (await rename(origin)).status]).toEqual([origin, 201])
    }
    for (const origin of ['https://evil.example', 'https://app.example', 'null', '', undefined]) {
      const answer = await rename(origin)
      expect([origin, answer.status]).toEqual([origin, 403])
      expect(answer.body).toMatchObject({ error: { code: 'forbidden' } })
    }
    expect((await get('/api/me', { cookie, origin: 'https://evil.example' })).status).toBe(200)
  })

  test('a trusted proxy’s word counts: host, origin, and a cookie for https only', async () => {
    const proxied = {
      host: 'backend.internal',
      'x-forwarded-host': 'chat.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '203.0.113.9',
    }
    expect((await get('/api/config', { host: 'backend.internal' })).status).toBe(421)
    const answer = await app.ask('POST', '/api/auth/login', {
      body: { login: 'ada', password: goodPassword },
      headers: { ...proxied, origin: 'https://chat.example' },
    })
    expect(answer.status).toBe(200)
    expect(answer.headers['set-cookie']?.[0]).toContain('; Secure')
    const origin = 'https://chat.example'
    const socket = await ada.live({ headers: { ...proxied, origin } })
    expect(socket.welcome.userId).toBe(ada.id)
    await socket.close()
  })

  test('nobody else’s word counts', async () => {
    const plain = await runApp()
    try {
      const ivo = await plain.signUp('ivo')
      const headers = { 'x-forwarded-host': 'chat.example', host: 'backend.internal' }
      expect((await plain.ask('GET', '/api/config', { headers })).status).toBe(421)
      await expect(ivo.live({ headers })).rejects.toThrow('421')
      const login = await plain.ask('POST', '/api/auth/login', {
        body: { login: 'ivo', password: goodPassword },
        headers: { 'x-forwarded-proto': 'https' },
      })
      expect(login.headers['set-cookie']?.[0]).not.toContain('Secure')
    } finally {
      await plain.close()
    }
  })
})

describe('health and metrics', () => {
  test('the process is up, the database answers, LiveKit only in the body', async () => {
    expect((await get('/healthz')).body).toEqual({ ok: true })
    const ready = await get('/readyz')
    expect(ready.status).toBe(200)
    expect(ready.body).toEqual({ database: 'reachable', livekit: expect.any(String) })
    const { ping } = app.store
    app.store.ping = () => Promise.reject(new Error('away'))
    const unready = await get('/readyz')
    app.store.ping = ping
    expect([unready.status, unready.body]).toMatchObject([503, { database: 'unreachable' }])
  })

  test('metrics are Prometheus text with their token, and for nobody without it where people come from elsewhere', async () => {
    const authorization = 'Bearer metrics token'
    const here = await get('/metrics', { authorization })
    expect(here.headers['content-type']).toMatch(/^text\/plain/)
    expect(here.text).toMatch(/^chatto_calls_active 0$/m)
    expect(here.text).toContain(
      'chatto_http_requests_total{method="GET",route="/healthz",status="200"}',
    )
    expect(here.text).not.toContain(ada.id)
    // A proxy on this machine that says nothing of itself looks like this, whoever asked it.
    expect((await get('/metrics')).status).toBe(403)
    const away = { 'x-forwarded-for': '203.0.113.9' }
    for (const token of ['', 'metrics', 'metrics token ', ada.token]) {
      const other = { ...away, authorization: `Bearer ${token}x` }
      expect((await get('/metrics', other)).status).toBe(403)
    }
    expect((await get('/metrics', { ...away, authorization })).status).toBe(200)
  })
})

describe('the web client', () => {
  test('its page has a nonce of its own each time and a policy that allows only what is needed', async () => {
    const [one, two] = [await get('/'), await get('/rooms/some-room', { accept: 'text/html' })]
    const nonces = [one, two].map(({ text }) => /nonce="([^"]+)"/.exec(text)?.[1])
    expect(nonces[0]).not.toBe(nonces[1])
    const policy = String(one.headers['content-security-policy'])
    expect(policy).toContain(`'nonce-${nonces[0]}'`)
    expect(policy).toContain('ws://127.0.0.1:1')
    expect(policy).not.toMatch(/unsafe-eval|script-src[^;]*unsafe-inline|\*/)
    expect(one.headers['cache-control']).toBe('no-cache')
  })

  test('assets are immutable, compressed for who can, 304 for who has them; others are 404', async () => {
    const path = '/assets/app-1a2b.js'
    const plain = await get(path)
    expect(plain.text).toBe(script)
    expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    const zipped = await get(path, { 'accept-encoding': 'gzip, deflate' })
    expect(zipped.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' })
    const known = await get(path, { 'if-none-match': plain.headers.etag })
    expect([known.status, known.text]).toEqual([304, ''])
    expect((await get('/assets/other.js', { accept: 'text/html' })).status).toBe(404)
    expect((await app.ask('POST', path)).status).toBe(404)
  })
})
