/** The media process's end of the link, with the real core: who carries it, and when it gives up waiting. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  connectToMediaProcess,
  type ProcessLink,
} from '../../../../server/media/carrier/process-link.ts'
import type {
  FromMediaProcess,
  MediaProcessConfig,
} from '../../../../server/media/link/messages.ts'
import { createRelay } from '../../../../server/media/carrier/signal-relay.ts'
import { prepareLinkFiles } from '../../../../server/media/carrier/socket-path.ts'
import { defaultMediaConfig } from '../../../../server/media/link/media-config.ts'
import { createMediaHost, type MediaHost } from '../../../../server/media/process/media-host.ts'
import { createMediaServer } from '../../../../server/media/process/media-server.ts'
import { issueRefreshedToken } from '../../../../server/media/api/media-token.ts'
import { answerTwirp } from '../../../../server/media/api/room-service.ts'
import { until } from '../../../support/until.ts'

const config: MediaProcessConfig = {
  apiKey: 'testkey',
  apiSecret: 'a-secret-of-tests-only-0123456789',
  media: { ...defaultMediaConfig(), addresses: ['127.0.0.1'] },
  logLevel: 'silent',
}

let folder = ''
let socketPath = ''
let host: MediaHost
let endings = 0
let warnings: string[] = []
const links: ProcessLink[] = []

async function startHost(awayMs: number): Promise<void> {
  host = createMediaHost({
    socketPath,
    awayMs,
    ended: () => (endings += 1),

    warn: (_fields, message) => warnings.push(message),
    async create({ media, apiKey, apiSecret }) {
      const keys = { apiKey, apiSecret }
      const server = await createMediaServer({
        config: media,
        now: Date.now,
        random: randomBytes,
        log: { info: () => undefined, warn: (_fields, message) => warnings.push(message) },
        issueRefreshToken: (grants) => issueRefreshedToken(grants, keys, Date.now()),
      })
      return {
        server,
        setWebhookTarget: () => undefined,
        answerTwirp: (request) =>
          answerTwirp(request, { rooms: server.rooms, keys, now: Date.now() }),
        close: () => server.close(),
      }
    },
  })
  await host.listen()
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chatto-host-'))
  ;({ socketPath } = prepareLinkFiles(folder))
  endings = 0
  warnings = []
})
afterEach(async () => {
  links.splice(0).forEach((link) => link.close())
  await host.end()
  rmSync(folder, { recursive: true, force: true })
})

async function find(): Promise<ProcessLink> {
  const link = await connectToMediaProcess(socketPath)
  if (!link) throw new Error('nobody listens')
  links.push(link)
  return link
}

/** As a web process does; resolves when the media process says that it is carried. */
async function attach(link: ProcessLink): Promise<FromMediaProcess['type'][]> {
  const said: FromMediaProcess['type'][] = []
  link.onFrame((frame) => frame.kind === 'message' && said.push(frame.message.type))
  if (link.configHash === null) link.send({ type: 'configure', config, configHash: 'one' })
  link.send({ type: 'attach', webhooks: { urls: [], certificate: null } })
  await until('it is attached', 5_000, () => said.includes('attached'))
  return said
}

test('nobody comes: it ends by itself, and its socket is gone', async () => {
  await startHost(50)
  await until('it ended', 5_000, () => endings === 1)
  expect(await connectToMediaProcess(socketPath)).toBeUndefined()
})

test('the web process goes away and comes back in time: nothing ends', async () => {
  await startHost(60_000)
  const first = await find()
  await attach(first)
  first.close()
  const second = await find()
  expect(second.configHash).toBe('one')
  await attach(second)
  expect(endings).toBe(0)
})

test('the web process goes away and nobody comes back: it ends, once', async () => {
  await startHost(150)
  const first = await find()
  await attach(first)
  first.close()
  await until('it ended', 5_000, () => endings > 0)
  await host.end()
  expect(endings).toBe(1)
})

test('a second web process takes over, and the first one is told so', async () => {
  await startHost(60_000)
  const first = await find()
  const said = await attach(first)
  const second = await find()
  await attach(second)
  await until('the first one is told', 5_000, () => said.includes('superseded'))
  expect(endings).toBe(0)
})

test('a settled configuration stays: another one has to end the process first', async () => {
  await startHost(60_000)
  await attach(await find())
  const second = await find()
  second.send({ type: 'configure', config, configHash: 'two' })
  await attach(second)
  expect((await find()).configHash).toBe('one')
  second.send({ type: 'end' })
  await until('it ended', 5_000, () => endings === 1)
})

test('who talks nonsense is put out, and the one who carries does not notice', async () => {
  await startHost(60_000)
  const link = await find()
  await attach(link)
  const relay = createRelay(link)
  link.onFrame(relay.receive)

  for (const bytes of [Buffer.alloc(400, 0xff), Buffer.from([0, 0, 0, 1, 1, 0x7b])]) {
    const stranger: Socket = connect(socketPath)
    stranger.on('error', () => undefined).resume()
    stranger.write(bytes)
    await until('the stranger is put out', 5_000, () => stranger.closed)
  }
  const answer = await relay.twirp({
    method: 'POST',
    path: '/twirp/livekit.RoomService/ListRooms',
    authorization: undefined,
    contentType: 'application/json',
    body: Buffer.from('{}'),
  })
  expect(answer.status).toBe(401)
  expect(warnings).toHaveLength(2)
})
