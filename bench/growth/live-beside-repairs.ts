/**
 * A message and a rotated key on their way to somebody else, while three sockets of one member ask as
 * often as they may to be brought up to date from far behind; two of them read nothing. The median of each
 * round's worst counts.
 */
import { setTimeout } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { ServerMessage } from '../../server/protocol/live.ts'
import type { Room } from '../../server/protocol/wire.ts'
import type { ServerProcess } from '../../test/support/server-process.ts'
import { ask, makeRooms, signUp, startBenchServer, type Member } from '../support/crowd.ts'
import { median } from '../support/result.ts'
import { toRow, type GrowthRow } from './row.ts'

/** Facts that each request is behind; each is 48 kB on its way, for a control character is six. */
const backlog = 440
const largestText = '\u0001x'.repeat(4_000)
const greedySockets = 3
/** Each: as often as the default limit of 100 a second allows, late timers and all. */
const everyMs = 11
const rounds = 3
const messages = 30
const rotations = 8
const mostMs = 250
const giveUpMs = 60_000

export async function liveBesideRepairs(): Promise<GrowthRow[]> {
  const server = await startBenchServer({ CHATTO_LIMITS_SOCKET_MESSAGES_PER_SECOND: '100' })
  const stops: (() => void)[] = []
  try {
    const [ada, bo, cleo, eve] = await signUp(server, ['ada', 'bo', 'cleo', 'eve'])
    if (!ada || !bo || !cleo || !eve) throw new Error('somebody is missing')
    const [room] = await makeRooms(server, [ada, bo, cleo, eve], 1)
    if (!room) throw new Error('there is no room')
    const path = `/api/rooms/${room.id}`
    const say = (text: string) => ({
      method: 'POST',
      path: `${path}/messages`,
      by: ada,
      body: { text },
    })
    await ask(
      server,
      Array.from({ length: backlog }, () => say(largestText)),
    )
    await ask(server, [{ method: 'POST', path: `${path}/call/join`, by: bo }])
    const watch = await openWatch(server, bo)
    stops.push(watch.close)

    const measureRound = async () => {
      const message: number[] = []
      for (let i = 0; i < messages; i++) {
        const came = watch.until((m) => m.type === 'facts' && m.facts.some(isMessage))
        message.push(await msOf(came, () => ask(server, [say(`live ${i}`)])))
      }
      const key: number[] = []
      for (let i = 0; i < rotations; i++) {
        const member = `${path}/members/${cleo.user.id}`
        await ask(server, [{ method: 'PUT', path: member, by: ada }])
        await ask(server, [{ method: 'POST', path: `${path}/call/join`, by: cleo }])
        const came = watch.until((m) => m.type === 'key')
        key.push(await msOf(came, () => ask(server, [{ method: 'DELETE', path: member, by: ada }])))
      }
      return { message: Math.max(...message), key: Math.max(...key) }
    }
    const measure = async () => {
      const worst: Awaited<ReturnType<typeof measureRound>>[] = []
      for (let i = 0; i < rounds; i++) worst.push(await measureRound())
      return {
        message: median(worst.map(({ message }) => message)),
        key: median(worst.map(({ key }) => key)),
      }
    }

    // Until what runs often is compiled.
    await measureRound()
    const quiet = await measure()
    const closed: number[] = []
    for (let i = 0; i < greedySockets; i++)
      stops.push(await openGreedy(server, eve, room, i === 0, (code) => closed.push(code)))
    await setTimeout(2_000)
    const beside = await measure()
    if (closed.includes(4429)) throw new Error('who asks was closed for asking too often')
    const row = (what: string, small: number, large: number) =>
      toRow({ what, unit: 'ms', small, large, limit: { large: mostMs } })
    return [
      row(
        'a message to another, beside three sockets that ask for repairs',
        quiet.message,
        beside.message,
      ),
      row('a rotated key to another, beside the same', quiet.key, beside.key),
    ]
  } finally {
    stops.forEach((stop) => stop())
    await server.dispose()
  }
}

const isMessage = ({ type }: { type: string }) => type === 'message.posted'

async function msOf(came: Promise<unknown>, act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  // A wait that fails is reported by the limit, with the time that was waited.
  await Promise.all([Promise.race([came, setTimeout(giveUpMs)]), act()])
  return performance.now() - began
}

async function open(server: ServerProcess, { token }: Member): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/api/live`, {
    headers: { authorization: `Bearer ${token}` },
  })
  await new Promise((resolve, reject) => {
    socket.once('message', resolve)
    socket.once('error', reject)
  })
  return socket
}

interface Watch {
  /** The next such message from now on. */
  until(fits: (message: ServerMessage) => boolean): Promise<void>
  close(): void
}

async function openWatch(server: ServerProcess, person: Member): Promise<Watch> {
  const socket = await open(server, person)
  let waiting: { fits: (message: ServerMessage) => boolean; resolve(): void } | null = null
  socket.on('message', (data: Buffer) => {
    if (waiting?.fits(JSON.parse(data.toString()) as ServerMessage)) waiting.resolve()
  })
  return {
    until: (fits) =>
      new Promise((resolve) => {
        waiting = { fits, resolve }
      }),
    close: () => socket.terminate(),
  }
}

async function openGreedy(
  server: ServerProcess,
  person: Member,
  room: Room,
  reads: boolean,
  onClose: (code: number) => void,
): Promise<() => void> {
  const socket = await open(server, person)
  const [{ seq }] = (await ask<Room>(server, [
    { method: 'GET', path: `/api/rooms/${room.id}`, by: person },
  ])) as [Room]
  if (!reads) socket.pause()
  socket.on('close', onClose)
  const sync = JSON.stringify({ type: 'sync', rooms: { [room.id]: seq - backlog } })
  const timer = setInterval(() => {
    if (socket.readyState === WebSocket.OPEN) socket.send(sync)
  }, everyMs)
  return () => {
    clearInterval(timer)
    socket.terminate()
  }
}
