/**
 * The embedded media server with the thinnest way in: a WebSocket server of the test's own that
 * checks tokens and hands frames on. No web server, no webhooks sent: events are kept.
 */
import type { WebhookEvent } from '@livekit/protocol'
import { AccessToken, type VideoGrant } from 'livekit-server-sdk'
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { WebSocketServer, type WebSocket } from 'ws'
import { defaultMediaConfig, type MediaConfig } from '../../server/media/link/media-config.ts'
import { createMediaServer, type MediaServer } from '../../server/media/process/media-server.ts'
import { SignalRefused } from '../../server/media/link/signal.ts'
import { issueRefreshedToken, verifyMediaToken } from '../../server/media/api/media-token.ts'
import { until } from './until.ts'

export const mediaKeys = { apiKey: 'testkey', apiSecret: 'a-secret-of-tests-only-0123456789' }

export interface MediaCarrier {
  readonly url: string
  readonly server: MediaServer
  readonly events: WebhookEvent[]
  /** What the server put aside, as it logged it. */
  readonly warnings: unknown[]
  /** The rest of its log. */
  readonly told: object[]
  /** How each connection came: path and query, without tokens. */
  readonly requests: string[]
  token(identity: string, room: string, grant?: VideoGrant): Promise<string>
  /** Cuts the signalling of everybody, without a word. */
  cutSockets(): void
  untilEvent(event: string, identity?: string): Promise<WebhookEvent>
  close(): Promise<void>
}

export interface MediaCarrierOptions extends Partial<Omit<MediaConfig, 'times'>> {
  times?: Partial<MediaConfig['times']>
  /** Where signalling listens. */
  host?: string
  /** As an old server: clients fall back to two peer connections. */
  isOld?: boolean
}

export async function startMediaCarrier({
  isOld = false,
  host = '127.0.0.1',
  ...change
}: MediaCarrierOptions = {}): Promise<MediaCarrier> {
  const base = defaultMediaConfig()
  const warnings: unknown[] = []
  const told: object[] = []
  const server = await createMediaServer({
    config: {
      ...base,
      addresses: ['127.0.0.1'],
      ...change,
      times: { ...base.times, ...change.times },
    },
    now: Date.now,
    random: randomBytes,
    log: {
      info: (fields) => void told.push(fields),
      warn(fields) {
        warnings.push(fields)
      },
    },
    issueRefreshToken: (grants) => issueRefreshedToken(grants, mediaKeys, Date.now()),
  })
  const events: WebhookEvent[] = []
  server.onEvent((event) => events.push(event))
  const requests: string[] = []

  const http = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://test')
    requests.push(`GET ${url.pathname}`)
    response.setHeader('Access-Control-Allow-Origin', '*')
    const isKnown = url.pathname.endsWith('/validate') && !(isOld && url.pathname.includes('/v1/'))
    response.writeHead(isKnown ? (readGrants(request) ? 200 : 401) : 404).end()
  })
  const sockets = new WebSocketServer({ noServer: true })
  http.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'http://test')
    const grants = readGrants(request)
    url.searchParams.delete('access_token')
    requests.push(`${url.pathname}?${url.searchParams.toString().slice(0, 200)}`)
    const isV1 = url.pathname.endsWith('/rtc/v1')
    if (!grants || (isV1 && isOld) || (!isV1 && !url.pathname.endsWith('/rtc'))) {
      socket.end(`HTTP/1.1 ${grants ? 404 : 401} No\r\nConnection: close\r\n\r\n`)
      return
    }
    const upgrade = () =>
      sockets.handleUpgrade(request, socket, head, (client) => {
        carry(client, () =>
          server.connect(
            { path: isV1 ? '/rtc/v1' : '/rtc', query: url.searchParams.toString(), grants },
            {
              send: (frame) => {
                client.send(frame)
              },
              close: (code, reason) => {
                client.close(code, reason)
              },
            },
          ),
        )
      })
    void server.refreshAddresses().then(upgrade)
  })
  await new Promise<void>((resolve) => http.listen(0, host, resolve))
  const address = http.address()
  if (!address || typeof address === 'string') throw new Error('no port')

  return {
    url: `ws://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    server,
    events,
    warnings,
    told,
    requests,
    token(identity, room, grant = {}) {
      const token = new AccessToken(mediaKeys.apiKey, mediaKeys.apiSecret, { identity, ttl: 60 })
      token.addGrant({ roomJoin: true, room, ...grant })
      return token.toJwt()
    },
    cutSockets() {
      for (const client of sockets.clients) client.terminate()
    },
    untilEvent: (event, identity) =>
      until(`the server reports ${event} of ${identity ?? 'the room'}`, 10_000, () =>
        events.find(
          (one) =>
            one.event === event &&
            (identity === undefined || one.participant?.identity === identity),
        ),
      ),
    async close() {
      await server.close()
      for (const client of sockets.clients) client.terminate()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

function readGrants(request: IncomingMessage) {
  const url = new URL(request.url ?? '/', 'http://test')
  const bearer = request.headers.authorization?.replace(/^Bearer /, '')
  const token = url.searchParams.get('access_token') ?? bearer ?? ''
  const verdict = verifyMediaToken(token, { ...mediaKeys, now: Date.now() })
  return verdict.ok ? verdict.grants : null
}

function carry(client: WebSocket, open: () => ReturnType<MediaServer['connect']>): void {
  client.binaryType = 'nodebuffer'
  try {
    const session = open()
    client.on('message', (data) => {
      if (Buffer.isBuffer(data)) session.receive(data)
    })
    client.on('close', () => {
      session.closed()
    })
    client.on('error', () => {
      client.terminate()
    })
  } catch (error) {
    if (!(error instanceof SignalRefused)) throw error
    client.close(1008, error.message)
  }
}
