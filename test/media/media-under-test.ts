/** A media server under test, whichever it is, with its reports and its room service. */
import { AccessToken, RoomServiceClient, type VideoGrant } from 'livekit-server-sdk'
import { startWebhookLog, type WebhookLog } from './webhook-log.ts'

/** What livekit-server and the embedded media server have in common. */
export interface MediaServerHandle {
  readonly url: string
  readonly apiKey: string
  readonly apiSecret: string
  dispose(): Promise<void>
}

export interface MediaServerOptions {
  webhookUrls: string[]
  emptyTimeoutS: number
  departureTimeoutS: number
}

export interface MediaUnderTest {
  /** `ws://…` */
  readonly url: string
  readonly apiKey: string
  readonly apiSecret: string
  readonly webhooks: WebhookLog
  readonly rooms: RoomServiceClient
  close(): Promise<void>
}

export async function startMediaUnderTest(
  start: (options: MediaServerOptions) => Promise<MediaServerHandle>,
): Promise<MediaUnderTest> {
  const webhooks = await startWebhookLog()
  const server = await start({
    webhookUrls: [webhooks.url],
    emptyTimeoutS: 30,
    departureTimeoutS: 1,
  })
  webhooks.trust(server)
  return {
    url: server.url,
    apiKey: server.apiKey,
    apiSecret: server.apiSecret,
    webhooks,
    rooms: new RoomServiceClient(
      server.url.replace(/^ws/, 'http'),
      server.apiKey,
      server.apiSecret,
    ),
    async close() {
      await server.dispose()
      await webhooks.close()
    },
  }
}

/** Lets that person, and only that one, into that room. `ttl` in seconds. */
export async function tokenFor(
  { apiKey, apiSecret }: { apiKey: string; apiSecret: string },
  room: string,
  identity: string,
  grants: VideoGrant = {},
  ttl = 600,
): Promise<string> {
  const token = new AccessToken(apiKey, apiSecret, { identity, ttl })
  token.addGrant({ room, roomJoin: true, ...grants })
  return token.toJwt()
}
