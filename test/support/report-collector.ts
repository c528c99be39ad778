/** A tiny receiver of LiveKit's webhooks: the real verification and translation, and a list in place of calls. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { pino } from 'pino'
import { AppError } from '../../server/errors.ts'
import type { Report, ReportedEvent } from '../../server/livekit/to-call-event.ts'
import { createClock } from '../../server/time/clock.ts'
import { verifyWebhook } from '../../server/livekit/webhook-signature.ts'
import { createWebhookReceiver } from '../../server/livekit/webhook-receiver.ts'
import { until } from './until.ts'

const reportTimeoutMs = 10_000

export interface ReportCollector {
  /** What LiveKit's `webhook.urls` has to name. */
  readonly url: string
  /** Reports of this installation's calls, in order of arrival. */
  readonly events: ReportedEvent[]
  readonly ignored: Extract<Report, { kind: 'ignored' }>[]
  /** As they came over the wire. */
  readonly requests: { rawBody: Buffer; authorization: string | undefined; status: number }[]
  /** From now on LiveKit is who holds this key. */
  trust(livekit: { apiKey: string; apiSecret: string }): void
  untilReported<T extends ReportedEvent['type']>(
    type: T,
    matches?: (event: Extract<ReportedEvent, { type: T }>) => boolean,
  ): Promise<Extract<ReportedEvent, { type: T }>>
  close(): Promise<void>
}

export async function collectReports(installationId: string): Promise<ReportCollector> {
  const events: ReportedEvent[] = []
  const ignored: ReportCollector['ignored'] = []
  const requests: ReportCollector['requests'] = []
  let livekit = { apiKey: '', apiSecret: '' }

  const server = createServer((request, response) => {
    void (async () => {
      const rawBody = await readBody(request)
      const { authorization } = request.headers
      const status = await take(rawBody, authorization)
      requests.push({ rawBody, authorization, status })
      response.writeHead(status).end()
    })()
  })

  async function take(rawBody: Buffer, authorization: string | undefined): Promise<number> {
    const receiver = createWebhookReceiver({
      verify: (...sent) => verifyWebhook(livekit, ...sent, Date.now()),
      installationId,
      clock: createClock(Date.now),
      onEvent: (report) => {
        events.push(report.event)
        return Promise.resolve()
      },
      onIgnored: (report) => ignored.push(report),
      onRefused: () => undefined,
      onSeen: () => undefined,
      log: pino({ level: 'silent' }),
    })
    try {
      await receiver.receive(rawBody, authorization)
      return 200
    } catch (error) {
      return error instanceof AppError ? error.status : 500
    }
  }

  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}/webhooks/livekit`,
    events,
    ignored,
    requests,
    trust(next) {
      livekit = next
    },
    untilReported: (type, matches = () => true) =>
      until(`LiveKit reports ${type}`, reportTimeoutMs, () =>
        events.filter((event) => isOf(event, type)).find(matches),
      ),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

function isOf<T extends ReportedEvent['type']>(
  event: ReportedEvent,
  type: T,
): event is Extract<ReportedEvent, { type: T }> {
  return event.type === type
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      if (address && typeof address === 'object') resolve(address.port)
      else reject(new Error('no port'))
    })
  })
}
