/** Webhooks as LiveKit sends them (R21): signed, in order of a room, retried. Over real HTTP. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { Room, WebhookEvent } from '@livekit/protocol'
import { WebhookReceiver } from 'livekit-server-sdk'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createMediaWebhooks } from '../../../../server/media/api/webhooks.ts'
import { createWebhookPost } from '../../../../server/media/api/webhook-post.ts'
import { until } from '../../../support/until.ts'

const keys = { apiKey: 'testkey', apiSecret: 'a-secret-of-tests-only-0123456789' }
const receiver = new WebhookReceiver(keys.apiKey, keys.apiSecret)

interface Arrived {
  id: string
  event: string
  room: string
  createdAt: number
}
let arrived: Arrived[] = []
/** What the receiver answers next; 200 when it is empty. */
let answers: (number | 'hang up' | Promise<number>)[] = []
let waits: number[] = []
let dropped: string[] = []
let clock = 0
let server: Server
let url = ''

beforeEach(async () => {
  arrived = []
  answers = []
  waits = []
  dropped = []
  clock = Date.now()
  server = createServer((request, response) => {
    void (async () => {
      const body = await readBody(request)
      expect(request.headers['content-type']).toBe('application/webhook+json')
      const { id, event, room, createdAt } = await receiver.receive(
        body,
        request.headers.authorization,
        false,
        // The clock of a test runs ahead.
        600,
      )
      arrived.push({ id, event, room: room?.name ?? '', createdAt: Number(createdAt) })
      const answer = answers.shift() ?? 200
      if (answer === 'hang up') request.socket.destroy()
      else response.writeHead(await answer).end()
    })()
  })
  url = await listen(server)
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function send(...events: [event: string, room: string][]) {
  const webhooks = createMediaWebhooks({
    keys,
    post: createWebhookPost(() => null),
    now: () => clock,
    wait(ms) {
      waits.push(ms)
      clock += ms
      return Promise.resolve()
    },
    warn: (_fields, message) => dropped.push(message),
  })
  webhooks.setTargets([url])
  for (const [event, room] of events) {
    webhooks.send(new WebhookEvent({ event, room: new Room({ name: room }) }))
  }
  return webhooks
}
const untilArrived = (count: number) =>
  until(`${count} webhooks`, 5_000, () => arrived.length >= count)

test('the SDK’s receiver believes them; each has its own id and its second', async () => {
  send(['room_started', 'kitchen'], ['participant_joined', 'kitchen'])
  await untilArrived(2)
  expect(arrived.map(({ event }) => event)).toEqual(['room_started', 'participant_joined'])
  expect(new Set(arrived.map(({ id }) => id)).size).toBe(2)
  for (const { id, createdAt } of arrived) {
    expect(id).toMatch(/^EV_\w{12}$/)
    expect(createdAt).toBe(Math.floor(clock / 1000))
  }
})

test('the next one of a room waits for the one before; another room does not', async () => {
  let release: (status: number) => void = () => undefined
  answers = [new Promise((resolve) => (release = resolve))]
  send(['room_started', 'kitchen'], ['room_finished', 'kitchen'], ['room_started', 'garden'])
  await untilArrived(2)
  expect(arrived.map(({ event, room }) => `${event} ${room}`)).toEqual([
    'room_started kitchen',
    'room_started garden',
  ])
  release(200)
  await untilArrived(3)
  expect(arrived[2]).toMatchObject({ event: 'room_finished', room: 'kitchen' })
})

test.each([500, 502, 503, 429, 'hang up'] as const)(
  'after %s the same one comes again, with the same id, until it is taken',
  async (answer) => {
    answers = [answer, answer]
    send(['room_started', 'kitchen'], ['room_finished', 'kitchen'])
    await untilArrived(4)
    expect(arrived.map(({ event }) => event)).toEqual([
      'room_started',
      'room_started',
      'room_started',
      'room_finished',
    ])
    expect(new Set(arrived.slice(0, 3).map(({ id }) => id)).size).toBe(1)
    expect(waits).toEqual([1_000, 2_000])
  },
)

test('after five attempts it is given up, and the next one has its turn', async () => {
  answers = [500, 500, 500, 500, 500]
  send(['room_started', 'kitchen'], ['room_finished', 'kitchen'])
  await untilArrived(6)
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000])
  expect(arrived[5]?.event).toBe('room_finished')
  expect(dropped).toEqual(['a webhook could not be delivered'])
})

test.each([200, 204, 400, 401, 404, 501])('%s counts as delivered', async (answer) => {
  answers = [answer]
  send(['room_started', 'kitchen'], ['room_finished', 'kitchen'])
  await untilArrived(2)
  expect(arrived.map(({ event }) => event)).toEqual(['room_started', 'room_finished'])
  expect(waits).toEqual([])
})

test('one that waited for more than 30 s is dropped', async () => {
  answers = [500, 500, 500, 500, 500, 500, 500, 500, 500, 500]
  const events = ['a', 'b', 'c', 'd'].map((event): [string, string] => [event, 'kitchen'])
  send(...events)
  // 15 s each for the first two: the third has waited for exactly 30 s, the clock then goes on.
  await untilArrived(12)
  expect(arrived.map(({ event }) => event).join('')).toBe('aaaaabbbbbcd')

  clock += 1
  arrived = []
  answers = [new Promise((resolve) => setTimeout(() => ((clock += 30_001), resolve(200)), 20))]
  send(['e', 'kitchen'], ['f', 'kitchen'])
  await until('one is dropped', 5_000, () =>
    dropped.includes('a webhook was dropped: it waited too long'),
  )
  expect(arrived.map(({ event }) => event)).toEqual(['e'])
})

test('stopping waits for what is on its way, not for ever', async () => {
  const webhooks = send(['room_finished', 'kitchen'])
  await webhooks.stop(5_000)
  expect(arrived.map(({ event }) => event)).toEqual(['room_finished'])
})

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function listen(listening: Server): Promise<string> {
  return new Promise((resolve) => {
    listening.listen(0, '127.0.0.1', () => {
      const address = listening.address()
      const port = address && typeof address === 'object' ? address.port : 0
      resolve(`http://127.0.0.1:${port}/webhooks/livekit`)
    })
  })
}
