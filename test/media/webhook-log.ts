/** Receives LiveKit's webhooks as the program does (signature checked) and keeps them by room, in order. */
import { createServer, type IncomingMessage } from 'node:http'
import { DisconnectReason, TrackSource, type WebhookEvent } from '@livekit/protocol'
import { WebhookReceiver } from 'livekit-server-sdk'
import { until } from '../support/until.ts'

export interface WebhookLog {
  readonly url: string
  /** From now on LiveKit is who holds this key. */
  trust(livekit: { apiKey: string; apiSecret: string }): void
  /** One line for each report: `participant_left ada CLIENT_INITIATED`. */
  linesOf(room: string): string[]
  eventsOf(room: string): WebhookEvent[]
  /** The bodies as they came, parsed. */
  bodiesOf(room: string): Record<string, unknown>[]
  /** What did not verify, or had the wrong shape. */
  readonly refused: string[]
  untilLine(room: string, line: string, timeoutMs?: number): Promise<void>
  close(): Promise<void>
}

export async function startWebhookLog(): Promise<WebhookLog> {
  const received: { event: WebhookEvent; body: Record<string, unknown> }[] = []
  const refused: string[] = []
  let receiver: WebhookReceiver | null = null

  const server = createServer((request, response) => {
    void (async () => {
      const raw = await readBody(request)
      try {
        if (request.headers['content-type'] !== 'application/webhook+json')
          throw new Error(`content-type ${String(request.headers['content-type'])}`)
        if (!receiver) throw new Error('nobody is trusted yet')
        const event = await receiver.receive(raw, request.headers.authorization)
        received.push({ event, body: JSON.parse(raw) as Record<string, unknown> })
      } catch (error) {
        refused.push(`${String(error)}: ${raw}`)
      }
      response.writeHead(200).end()
    })()
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(address && typeof address === 'object' ? address.port : 0)
    })
  })

  const eventsOf = (room: string) =>
    received.filter(({ event }) => event.room?.name === room).map(({ event }) => event)
  const linesOf = (room: string) => eventsOf(room).map(toLine)

  return {
    url: `http://127.0.0.1:${port}/webhooks/livekit`,
    trust({ apiKey, apiSecret }) {
      receiver = new WebhookReceiver(apiKey, apiSecret)
    },
    eventsOf,
    linesOf,
    bodiesOf: (room) =>
      received.filter(({ event }) => event.room?.name === room).map(({ body }) => body),
    refused,
    async untilLine(room, line, timeoutMs = 25_000) {
      try {
        await until(`the report ${line}`, timeoutMs, () => linesOf(room).includes(line))
      } catch (error) {
        throw new Error(`no report “${line}” but ${linesOf(room).join(', ')}`, { cause: error })
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

function toLine({ event, participant, track }: WebhookEvent): string {
  const parts = [event, participant?.identity, track && TrackSource[track.source]]
  if (participant && participant.disconnectReason !== DisconnectReason.UNKNOWN_REASON)
    parts.push(DisconnectReason[participant.disconnectReason])
  return parts.filter(Boolean).join(' ')
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
