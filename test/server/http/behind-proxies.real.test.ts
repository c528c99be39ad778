/**
 * Real nginx and Caddy as README sets them up, what people forget of it, and a network that cuts. Embedded
 * media, whose joins have the longest heads.
 */
import { request } from 'node:https'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Join } from '../../../server/protocol/wire.ts'
import {
  findFreePort,
  fromReadme,
  missingProxies,
  startCaddy,
  startCutter,
  startNginx,
  type Proxy,
} from '../../support/proxies.ts'
import { goodPassword, runApp, type Person, type RunningApp } from '../../support/running-app.ts'

const missing = missingProxies()
const title = missing === null ? 'behind a proxy' : `skipped: ${missing}`
/** Each path's joins in a row; a fault of one in three of them is never missed by so many. */
const tries = 40

describe.skipIf(missing !== null)(title, () => {
  let app: RunningApp
  let ada: Person
  let proxy: Proxy | null = null
  let port = 0

  beforeAll(async () => {
    port = await findFreePort()
  })
  beforeEach(() => {
    proxy = null
  })
  afterEach(async () => {
    await proxy?.stop()
    await app.close()
  })

  async function runServer(webserver: Record<string, string>): Promise<void> {
    app = await runApp({
      env: {
        CHATTO_LIVEKIT_EMBEDDED: 'true',
        CHATTO_LIVEKIT_URL: '',
        CHATTO_LIVEKIT_API_KEY: '',
        CHATTO_LIVEKIT_API_SECRET: '',
        CHATTO_LIMITS_SIGN_INS_PER_MINUTE: '3',
        ...webserver,
      },
    })
    ada = await app.signUp('ada')
  }
  const asConfigured = () => ({
    CHATTO_WEBSERVER_URL: `https://localhost:${port}`,
    CHATTO_WEBSERVER_TRUSTED_PROXIES: '127.0.0.1',
  })

  const proxies = [
    { name: 'nginx', start: () => startNginx(fromReadme('nginx'), port, app.port) },
    { name: 'Caddy', start: () => startCaddy(fromReadme('caddyfile'), port, app.port) },
  ]

  test.each(proxies)('$name by README: page, sign-in, join and limits are right', async (given) => {
    await runServer(asConfigured())
    proxy = await given.start()
    const { origin } = proxy

    const page = await ask('GET', `${origin}/`)
    expect(page.headers['content-security-policy']).toContain(`wss://localhost:${port}`)
    const signedIn = await ask('POST', `${origin}/api/auth/login`, {
      headers: { origin },
      body: { login: 'ada', password: goodPassword },
    })
    expect(signedIn.status).toBe(200)
    expect(signedIn.headers['set-cookie']?.[0]).toContain('; Secure')
    expect((await joinBy(origin)).livekitUrl).toBe(`wss://localhost:${port}/livekit`)
    expect((await ask('GET', `${origin}/metrics`)).status).toBe(403)
    // Ten people at the door, each with an address of their own: a limit of three is nobody's.
    const statuses = []
    for (let i = 0; i < 10; i += 1) {
      const answer = await ask('POST', `${origin}/api/auth/login`, {
        headers: { origin },
        body: { login: `guest-${i}`, password: 'wrong horse' },
        from: `127.0.0.${10 + i}`,
      })
      statuses.push(answer.status)
    }
    expect(statuses).toEqual(Array.from({ length: 10 }, () => 401))
    expect(app.logLines.filter((line) => /proxy|trusted/.test(line))).toEqual([])
  })

  test.each(proxies)(
    '$name by README: joins get through, whatever cookies stand beside them',
    async (given) => {
      await runServer(asConfigured())
      proxy = await given.start()
      const { livekitUrl, token } = await joinBy(proxy.origin)
      for (const cookie of [0, 800, 4_000]) {
        const seen = await inARow(() => upgrade(joinUrl(livekitUrl, token), cookie))
        expect([cookie, seen]).toEqual([cookie, { open: tries }])
        const live = await inARow(() =>
          upgrade(`wss://localhost:${port}/api/live?${'x'.repeat(3_300)}`, cookie),
        )
        expect([cookie, live]).toEqual([cookie, { open: tries }])
      }
    },
  )

  test.each([1_448, 4_096, 100])('a network that delivers by %i bytes', async (size) => {
    await runServer({ CHATTO_WEBSERVER_URL: 'http://localhost:8080' })
    proxy = await startCutter(app.port, size)
    const { livekitUrl, token } = await ada.join(await ada.makeRoom('Cut'))
    const url = joinUrl(livekitUrl.replace(`${app.port}`, `${proxy.port}`), token)
    const seen = await inARow(() => upgrade(url, 800))
    expect(seen).toEqual({ open: tries })
  })

  describe('what people forget', () => {
    const without = (...lines: RegExp[]) =>
      fromReadme('nginx')
        .split('\n')
        .filter((line) => !lines.some((pattern) => pattern.test(line)))
        .join('\n')

    test('the Host: joins and cookie are right all the same, metrics are closed, and the log says it', async () => {
      await runServer({ CHATTO_WEBSERVER_URL: `https://localhost:${port}` })
      proxy = await startNginx(without(/Host|X-Forwarded/), port, app.port)
      const { origin } = proxy
      const signedIn = await ask('POST', `${origin}/api/auth/login`, {
        headers: { origin },
        body: { login: 'ada', password: goodPassword },
      })
      expect(signedIn.headers['set-cookie']?.[0]).toContain('; Secure')
      const { livekitUrl, token } = await joinBy(origin)
      expect(livekitUrl).toBe(`wss://localhost:${port}/livekit`)
      expect(await upgrade(joinUrl(livekitUrl, token), 0)).toBe('open')
      const page = await ask('GET', `${origin}/`)
      expect(page.headers['content-security-policy']).toContain(`wss://localhost:${port}`)
      expect((await ask('GET', `${origin}/metrics`)).status).toBe(403)
      expect(app.logLines.join('')).toContain('a proxy passes on the Host')
    })

    test('WebSockets: none is half open, and the log says it', async () => {
      await runServer(asConfigured())
      proxy = await startNginx(without(/Upgrade|Connection/), port, app.port)
      const { livekitUrl, token } = await joinBy(proxy.origin)
      expect(await upgrade(`wss://localhost:${port}/api/live`, 0)).toBe(404)
      expect(await upgrade(joinUrl(livekitUrl, token), 0)).toBe(404)
      expect(app.logLines.filter((line) => line.includes('passes no WebSockets'))).toHaveLength(1)
    })

    test('trusted_proxies: all share one limit, and the log says it', async () => {
      await runServer({ CHATTO_WEBSERVER_URL: `https://localhost:${port}` })
      proxy = await startNginx(fromReadme('nginx'), port, app.port)
      const statuses = []
      for (let i = 0; i < 5; i += 1) {
        const answer = await ask('POST', `${proxy.origin}/api/auth/login`, {
          headers: { origin: proxy.origin },
          body: { login: 'ada', password: 'wrong horse' },
          from: `127.0.0.${10 + i}`,
        })
        statuses.push(answer.status)
      }
      expect(statuses).toEqual([401, 401, 401, 429, 429])
      const told = app.logLines.filter((line) => line.includes('trusted_proxies'))
      expect(told).toHaveLength(1)
    })

    test('HTTP/1.1: everything is 505, as README says', async () => {
      await runServer(asConfigured())
      proxy = await startNginx(without(/proxy_http_version/), port, app.port)
      expect((await ask('GET', `${proxy.origin}/healthz`)).status).toBe(505)
    })
  })

  async function joinBy(origin: string): Promise<Join> {
    const room = await ada.makeRoom('Proxied')
    const answer = await ask('POST', `${origin}/api/rooms/${room.id}/call/join`, {
      headers: { origin, authorization: `Bearer ${ada.token}` },
      body: {},
    })
    return JSON.parse(answer.text) as Join
  }
})

/** As livekit-client asks: token and what it can do in the query, 3.4 kB. */
function joinUrl(livekitUrl: string, token: string): string {
  const ask = new URLSearchParams({
    access_token: token,
    auto_subscribe: '1',
    sdk: 'js',
    version: '2.23.0',
    protocol: '16',
    padding: 'x'.repeat(2_800),
  })
  return `${livekitUrl}/rtc?${ask}`
}

/** `open`, or the status of a refusal. */
function upgrade(url: string, cookieBytes: number): Promise<string | number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, {
      rejectUnauthorized: false,
      headers: {
        'user-agent': `Mozilla/5.0 ${'x'.repeat(100)}`,
        ...(cookieBytes > 0 && { cookie: `other=${'x'.repeat(cookieBytes)}` }),
      },
    })
    socket.once('open', () => {
      resolve('open')
      socket.terminate()
    })
    socket.once('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0)
      socket.terminate()
    })
    socket.on('error', (error) => resolve(error.message))
  })
}

async function inARow(attempt: () => Promise<string | number>): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  for (let i = 0; i < tries; i += 1) {
    const what = await attempt()
    seen[what] = (seen[what] ?? 0) + 1
  }
  return seen
}

interface ProxiedAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** `from`: an address of this machine, so that a proxy sees another client. */
function ask(
  method: string,
  url: string,
  {
    headers = {},
    body,
    from,
  }: { headers?: Record<string, string>; body?: object; from?: string } = {},
): Promise<ProxiedAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url.replace('localhost', '127.0.0.1'),
      {
        method,
        rejectUnauthorized: false,
        servername: 'localhost',
        agent: false,
        ...(from !== undefined && { localAddress: from }),
        headers: {
          host: new URL(url).host,
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
      },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => (text += chunk))
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body && JSON.stringify(body))
  })
}
