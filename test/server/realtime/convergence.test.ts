/**
 * R48 I4 after any loss a client converges to the server's view: publications, messages and whole
 * connections are lost at random while people join, leave, post and come and go. Seeds are pinned.
 */
import { WebSocket } from 'ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyFact, type CallView } from '../../../machines/call.view.ts'
import { followFacts, numbersToSync } from '../../../server/protocol/follow-room.ts'
import type { ServerMessage } from '../../../server/protocol/live.ts'
import type { Call, Fact, Join, Room } from '../../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'
import { until } from '../../support/until.ts'

let app: RunningApp
let people: Person[]
/** Whether what was just committed is not told: as when a process dies in between. */
let losesPublications = (): boolean => false

beforeAll(async () => {
  app = await runApp({
    logLevel: 'warn',
    wrapFanOut: (fanOut) => ({
      ...fanOut,
      committed(roomId, facts, version) {
        if (!losesPublications()) fanOut.committed(roomId, facts, version)
      },
    }),
  })
  people = [await app.signUp('ada'), await app.signUp('bo'), await app.signUp('cleo')]
})
afterAll(() => app.close())

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Held {
  seq: number
  call: CallView | null
}

/** As a page does it: by number, asking again after a gap, comparing with each pong. */
class LossyClient {
  readonly rooms = new Map<string, Held>()
  private socket: WebSocket | null = null
  private readonly person: Person
  private readonly loses: () => boolean

  constructor(person: Person, loses: () => boolean) {
    this.person = person
    this.loses = loses
  }

  async connect(): Promise<void> {
    this.socket?.terminate()
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/api/live`, {
      headers: { authorization: `Bearer ${this.person.token}` },
    })
    this.socket = socket
    await new Promise((resolve, reject) => {
      socket.on('message', (data: Buffer) => {
        if (socket !== this.socket) return
        const message = JSON.parse(data.toString()) as ServerMessage
        if (message.type === 'welcome' || !this.loses()) this.take(message)
        if (message.type === 'welcome') resolve(undefined)
      })
      socket.on('error', reject)
    })
  }

  ping(): void {
    this.socket?.send('{"type":"ping"}')
  }

  close(): void {
    this.socket?.terminate()
  }

  private sync(rooms: Record<string, number>): void {
    this.socket?.send(JSON.stringify({ type: 'sync', rooms }))
  }

  private have(): Record<string, number> {
    return Object.fromEntries([...this.rooms].map(([roomId, { seq }]) => [roomId, seq]))
  }

  private take(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome': {
        const mine = new Set(message.rooms.map(({ roomId }) => roomId))
        for (const roomId of this.rooms.keys()) if (!mine.has(roomId)) this.rooms.delete(roomId)
        this.sync(
          numbersToSync(
            this.have(),
            Object.fromEntries(message.rooms.map(({ roomId, seq }) => [roomId, seq])),
          ),
        )
        for (const { roomId, seq, call } of message.rooms) {
          if (!this.rooms.has(roomId)) this.rooms.set(roomId, { seq, call: toView(call) })
        }
        return
      }
      case 'room':
        this.rooms.set(message.room.id, {
          seq: message.room.seq,
          call: toView(message.room.call),
        })
        return
      case 'view':
        this.rooms.set(message.roomId, { seq: message.seq, call: toView(message.call) })
        return
      case 'room-gone':
        this.rooms.delete(message.roomId)
        return
      case 'facts':
        this.takeFacts(message.roomId, message.facts)
        return
      case 'pong':
        this.sync(numbersToSync(this.have(), message.rooms))
        // A room whose first message was lost: from its beginning.
        for (const roomId of Object.keys(message.rooms)) {
          if (!this.rooms.has(roomId)) this.sync({ [roomId]: 0 })
        }
        return
      default:
        return
    }
  }

  private takeFacts(roomId: string, facts: Fact[]): void {
    // A room whose first message was lost is built up from its log.
    const held = this.rooms.get(roomId) ?? { seq: 0, call: null }
    const { next, syncFrom } = followFacts(held.seq, facts)
    for (const fact of next) {
      held.seq = fact.seq
      held.call = applyFact(roomId, held.call, fact)
      this.rooms.set(roomId, held)
    }
    if (syncFrom !== null) this.sync({ [roomId]: syncFrom })
  }
}

const toView = (call: Call | null): CallView | null =>
  call && {
    callId: call.callId,
    roomId: call.roomId,
    startedAt: call.startedAt,
    startedBy: call.startedBy,
    confirmed: call.confirmed,
    participants: call.participants.map(({ userId, joinedAt, state }) => ({
      userId,
      joinedAt,
      state,
    })),
  }

test.each([1, 2, 3, 4, 5, 6])(
  'R48 I4 whatever is lost, everybody sees the same in the end (seed %i)',
  async (seed) => {
    const chance = random(seed)
    // Of its own: how often it is asked depends on time, and the steps may not depend on that.
    const luck = random(seed + 1_000)
    const one = <T>(list: readonly T[]): T => list[Math.floor(chance() * list.length)] as T
    let isLossy = true
    losesPublications = () => isLossy && luck() < 0.2
    const clients = people.map((person) => new LossyClient(person, () => isLossy && luck() < 0.3))
    await Promise.all(clients.map((client) => client.connect()))

    const rooms: Room[] = [
      await one(people).makeRoom(`A${seed}`),
      await one(people).makeRoom(`B${seed}`),
    ]
    for (const room of rooms) for (const person of people) await person.enter(room)
    const joins: Join[] = []
    for (let step = 0; step < 120; step++) {
      const [person, room] = [one(people), one(rooms)]
      const at = `/api/rooms/${room.id}`
      const what = one([
        'say',
        'say',
        'join',
        'join',
        'up',
        'down',
        'leave',
        'close',
        'in',
        'out',
        'cut',
        'ping',
      ])
      const join = joins.length > 0 ? one(joins) : undefined
      if (what === 'say') await person.ask('POST', `${at}/messages`, { text: `step ${step}` })
      else if (what === 'in') await person.ask('PUT', `${at}/members/${person.id}`)
      else if (what === 'out') await person.ask('DELETE', `${at}/members/${person.id}`)
      else if (what === 'cut') await one(clients).connect()
      else if (what === 'ping') one(clients).ping()
      else if (what === 'join') {
        const answer = await person.ask('POST', `${at}/call/join`, {})
        if (answer.status === 200) joins.push(answer.body as Join)
      } else if (join) {
        const { callId, connectionId, call } = join
        const leave = `/api/rooms/${call.roomId}/call/leave`
        const whose =
          people.find(({ id }) => call.participants.some((p) => p.userId === id)) ?? person
        if (what === 'up') await app.report({ event: 'participant_joined', join })
        else if (what === 'down') await app.report({ event: 'participant_left', join })
        else await whose.ask('POST', leave, { callId, connectionId, closing: what === 'close' })
      }
    }

    isLossy = false
    for (const [i, person] of people.entries()) {
      const client = clients[i] as LossyClient
      await until(`${person.login} sees what the server says (seed ${seed})`, 10_000, async () => {
        client.ping()
        const { rooms: actual } = await person.get<{ rooms: Room[] }>('/api/rooms')
        const wanted = actual.map(({ id, seq, call }) => [id, { seq, call: toView(call) }] as const)
        return inOrder(wanted) === inOrder([...client.rooms])
      })
      client.close()
    }
    expect(joins.length, `seed ${seed}`).toBeGreaterThan(3)
  },
)

const inOrder = (entries: (readonly [string, Held])[]) =>
  JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
