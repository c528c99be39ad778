/**
 * A network delivers a request in whatever pieces it likes. Wherever it is cut, it is the same request,
 * by http and https, on every build of uWebSockets.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { statusOf } from '../../support/pieces.ts'
import { runApp, type RunningApp } from '../../support/running-app.ts'

const apps: RunningApp[] = []
const ports = { http: 0, https: 0 }

beforeAll(async () => {
  const env = { CHATTO_ACCOUNTS_REGISTRATION: 'closed', CHATTO_WEBSERVER_URL: 'https://localhost' }
  const [plain, secure] = await Promise.all([
    runApp({ env }),
    runApp({ env: { ...env, CHATTO_WEBSERVER_TLS: 'self-signed' } }),
  ])
  apps.push(plain, secure)
  // The first person gets in whatever the doors are.
  await Promise.all(apps.map((app) => app.signUp('owner')))
  ports.http = plain.port
  ports.https = secure.port
})
afterAll(() => Promise.all(apps.map((app) => app.close())))

const head = (...lines: string[]) => [...lines, '', ''].join('\r\n')
const get = head('GET /api/config HTTP/1.1', 'Host: localhost')
const body = JSON.stringify({ login: 'ada', password: 'correct horse battery' })
const post =
  head(
    'POST /api/auth/register HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ) + body
const upgrade = head(
  'GET /api/live HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
)

const requests = [
  { what: 'a GET', text: get, expected: 200 },
  // Read whole: a body of which something is missing would be 400.
  { what: 'a POST to closed doors', text: post, expected: 403 },
  { what: 'an upgrade', text: upgrade, expected: 101 },
]
const asked = (['http', 'https'] as const).flatMap((scheme) =>
  requests.map((request) => ({ scheme, ...request })),
)

describe('cut after each of its bytes', () => {
  test.each(asked)('$what by $scheme is answered $expected', async (request) => {
    expect(await cutEverywhere(request)).toEqual({ [request.expected]: request.text.length })
  })

  test.each(asked)('$what by $scheme, on a connection that is open already', async (request) => {
    const seen = await cutEverywhere({ ...request, before: get })
    expect(seen).toEqual({ [request.expected]: request.text.length })
  })
})

describe('large heads', () => {
  const withCookie = (text: string, size: number) =>
    text.replace('\r\n', `\r\nCookie: other=${'x'.repeat(size)}\r\n`)

  test.each(asked)('$what by $scheme with 60,000 bytes of cookies, by 1,448', async (request) => {
    const text = withCookie(request.text, 60_000)
    expect(await statusOf({ ...toServer(request), pieces: piecesOf(text, 1_448) })).toBe(
      request.expected,
    )
  })

  test('who sends 70,000 bytes of head reads why not', async () => {
    const pieces = piecesOf(withCookie(get, 70_000), 4_096)
    expect(await statusOf({ port: ports.http, tls: false, pieces })).toBe(431)
  })
})

interface Cut {
  scheme: 'http' | 'https'
  text: string
  before?: string
}

const toServer = ({ scheme }: Pick<Cut, 'scheme'>) => ({
  port: ports[scheme],
  tls: scheme === 'https',
})

/** How often which answer came: two pieces for each place, and the whole in one. */
async function cutEverywhere({ scheme, text, before }: Cut): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  const places = Array.from(text, (_, i) => i + 1)
  const atOnce = 20
  for (let i = 0; i < places.length; i += atOnce) {
    const answers = places.slice(i, i + atOnce).map((place) =>
      statusOf({
        ...toServer({ scheme }),
        pieces: [text.slice(0, place), text.slice(place)].filter((piece) => piece !== ''),
        ...(before !== undefined && { before }),
      }),
    )
    for (const answer of await Promise.all(answers)) seen[answer] = (seen[answer] ?? 0) + 1
  }
  return seen
}

function piecesOf(text: string, size: number): string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
    text.slice(i * size, (i + 1) * size),
  )
}
