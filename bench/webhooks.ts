/**
 * Signed webhooks over HTTP until the last socket message: 1,000 calls of 5, 256 outstanding, every
 * report a change, synchronous = FULL; beside a raw sqlite3 group commit of the same rows.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { WebSocket } from 'ws'
import type { ServerMessage } from '../server/protocol/live.ts'
import type { Join } from '../server/protocol/wire.ts'
import type { ServerProcess } from '../test/support/server-process.ts'
import { claimsFor, signWebhook } from '../test/support/webhook-token.ts'
import { joinAll, makeRooms, portOf, signUp, startBenchServer } from './support/crowd.ts'
import { flood, toRequest } from './support/flood.ts'
import { rawCommits } from './support/raw-commits.ts'
import { median, percent, rounded, type BenchResult } from './support/result.ts'

const calls = 1_000
const people = 5
const outstanding = 256
const rounds = 5
const least = 0.4

export async function benchWebhooks(): Promise<BenchResult> {
  const server = await startBenchServer()
  try {
    const crowd = await signUp(
      server,
      Array.from({ length: people }, (_, i) => `person${i}`),
    )
    const rooms = await makeRooms(server, crowd, calls)
    const joins = await joinAll(server, rooms, crowd)
    const [watching] = crowd
    const watcher = await watch(server, watching?.token ?? '')
    // Everybody is up before anything is measured.
    await round(server, watcher, joins, 'participant_joined', 0)
    const ours: number[] = []
    const raws: number[] = []
    for (let i = 1; i <= rounds; i++) {
      const event = i % 2 === 1 ? 'participant_left' : 'participant_joined'
      ours.push(await round(server, watcher, joins, event, i))
      raws.push(await rawCommits(join(server.folder, 'chatto.db'), joins.length, outstanding))
    }
    watcher.close()
    const ratio = median(ours) / median(raws)
    return {
      lines: [
        `webhook → commit → socket message: ${rounded(median(ours))} a second (${ours.map(rounded).join(', ')})`,
        `raw sqlite3, the same rows in groups of ${outstanding}: ${rounded(median(raws))} a second (${raws.map(rounded).join(', ')})`,
        `ratio ${percent(ratio)}; the best existing system takes 660 webhooks a second on such a machine`,
      ],
      limit: `at least ${percent(least)} of the raw commit`,
      isFine: ratio >= least,
    }
  } finally {
    await server.dispose()
  }
}

interface Watcher {
  /** Facts about people that have come so far. */
  facts(): number
  until(facts: number): Promise<void>
  close(): void
}

function watch(server: ServerProcess, token: string): Promise<Watcher> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/api/live`, {
    headers: { authorization: `Bearer ${token}` },
  })
  let facts = 0
  let wanted: { count: number; resolve: () => void } | null = null
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as ServerMessage
      if (message.type === 'welcome') {
        resolve({
          facts: () => facts,
          until: (count) =>
            new Promise((done) => {
              if (facts >= count) done()
              else wanted = { count, resolve: done }
            }),
          close: () => socket.close(),
        })
      }
      if (message.type !== 'facts') return
      facts += message.facts.length
      if (wanted && facts >= wanted.count) wanted.resolve()
    })
  })
}

/** Webhooks a second, to the last message at the socket. */
async function round(
  server: ServerProcess,
  watcher: Watcher,
  joins: Join[],
  event: 'participant_joined' | 'participant_left',
  number: number,
): Promise<number> {
  const requests = joins.map((one) => toWebhook(server, one, event, number))
  const before = watcher.facts()
  const began = performance.now()
  const { answers } = await flood(portOf(server), requests, outstanding)
  const refused = answers.filter(({ status }) => status !== 200)
  if (refused.length > 0) throw new Error(`${refused.length} webhooks were refused`)
  await watcher.until(before + joins.length)
  return joins.length / ((performance.now() - began) / 1000)
}

function toWebhook(
  { livekit }: ServerProcess,
  one: Join,
  event: 'participant_joined' | 'participant_left',
  number: number,
): Buffer {
  const { sub, video } = decodeJwt<{ video: { room: string } }>(one.token)
  // A session comes in one round and goes in the next.
  const session = event === 'participant_joined' ? number : number - 1
  const body = JSON.stringify({
    event,
    id: `EV_${randomUUID()}`,
    createdAt: String(Math.floor(Date.now() / 1000)),
    room: { sid: 'RM_bench', name: video.room },
    participant: {
      sid: `PA_${one.connectionId}_${session}`,
      identity: sub,
      state: event === 'participant_joined' ? 'ACTIVE' : 'DISCONNECTED',
      joinedAtMs: String(Date.now()),
      permission: { canPublish: true, canSubscribe: true },
    },
  })
  const claims = { ...claimsFor(body, Date.now()), iss: livekit.apiKey }
  const authorization = signWebhook({ claims, secret: livekit.apiSecret })
  return toRequest(
    'POST',
    '/webhooks/livekit',
    { 'content-type': 'application/webhook+json', authorization },
    body,
  )
}
