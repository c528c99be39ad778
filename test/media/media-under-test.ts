/** A media server under test, whichever it is, and one call on it with the people who come. */
import { randomBytes } from 'node:crypto'
import { AccessToken, RoomServiceClient, type VideoGrant } from 'livekit-server-sdk'
import { expect } from 'vitest'
import { joinMedia, type MediaPerson, type Path } from './media-person.ts'
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

export interface JoinOptions {
  path?: Path
  /** Null: without encryption. */
  e2eeKey?: string | null
  grants?: VideoGrant
}

/** One room with its own key. */
export interface MediaCall {
  readonly media: MediaUnderTest
  readonly room: string
  readonly e2eeKey: string
  join(identity: string, options?: JoinOptions): Promise<MediaPerson>
  tokenFor(identity: string, grants?: VideoGrant, ttl?: number | string): Promise<string>
  /** Waits for the last of these lines, and then expects all of them in this order. */
  expectReports(lines: string[]): Promise<void>
  /** Whoever is still there hangs up, one after the other. */
  hangUp(): Promise<void>
}

let calls = 0

export function newCall(media: MediaUnderTest): MediaCall {
  calls += 1
  const room = `call-${process.pid}-${calls}`
  const e2eeKey = randomBytes(32).toString('base64')
  const people: MediaPerson[] = []

  async function tokenFor(identity: string, grants: VideoGrant = {}, ttl: number | string = 600) {
    const token = new AccessToken(media.apiKey, media.apiSecret, { identity, ttl })
    token.addGrant({ room, roomJoin: true, ...grants })
    return token.toJwt()
  }

  return {
    media,
    room,
    e2eeKey,
    tokenFor,
    async join(identity, { path = 'v1', e2eeKey: key = e2eeKey, grants = {} } = {}) {
      const token = await tokenFor(identity, grants)
      const person = await joinMedia({ url: media.url, token, e2eeKey: key, path })
      people.push(person)
      return person
    },
    async expectReports(lines) {
      const { webhooks } = media
      const last = lines.at(-1)
      if (last !== undefined) await webhooks.untilLine(room, last)
      expect(webhooks.linesOf(room)).toEqual(lines)
    },
    async hangUp() {
      for (const person of people) await person.leave()
    },
  }
}
