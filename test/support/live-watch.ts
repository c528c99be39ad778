/**
 * A client's live socket: takes facts by number, asks again when one is missing, and takes up where
 * another socket of the same person stopped. What it holds is what a page would show.
 */
import { WebSocket } from 'ws'
import { followFacts, numbersToSync } from '../../server/protocol/follow-room.ts'
import {
  serverMessageSchema,
  type ClientMessage,
  type ServerMessage,
} from '../../server/protocol/live.ts'
import type { Call, Fact } from '../../server/protocol/wire.ts'
import type { ApiPerson } from './api-person.ts'
import { until } from './until.ts'

export interface LiveWatch {
  readonly messages: ServerMessage[]
  /** `performance.now()` at the first message. */
  readonly firstMessageAt: number
  readonly closeCode: number | null
  /** What the welcome said of the room's call. */
  welcomed(roomId: string): Call | null | undefined
  /** Every fact of the room once and in order, since the welcome or what was taken over. */
  facts(roomId: string): Fact[]
  seq(roomId: string): number | undefined
  has(roomId: string): boolean
  /** Facts that came although the one before had not; each was asked for again. */
  readonly gaps: number
  untilFact<T extends Fact['type']>(
    roomId: string,
    type: T,
    matches?: (fact: Extract<Fact, { type: T }>) => boolean,
    timeoutMs?: number,
  ): Promise<Extract<Fact, { type: T }>>
  untilSeq(roomId: string, seq: number): Promise<void>
  untilClosed(timeoutMs?: number): Promise<number>
  close(): Promise<void>
}

interface Watched {
  seq: number
  facts: Fact[]
  /** Null when only the number it had is known. */
  welcomed: Call | null | undefined
}

const waitMs = 5_000

/** Resolves after the welcome. `before`: a socket whose numbers are taken over, as after a reconnect. */
export async function watchLive(
  serverUrl: string,
  person: Pick<ApiPerson, 'token' | 'login'>,
  before?: LiveWatch,
): Promise<LiveWatch> {
  const socket = new WebSocket(`${serverUrl.replace(/^http/, 'ws')}/api/live`, {
    headers: { authorization: `Bearer ${person.token}` },
  })
  const messages: ServerMessage[] = []
  const rooms = new Map<string, Watched>()
  let firstMessageAt = 0
  let closeCode: number | null = null
  let gaps = 0
  let failure: Error | null = null

  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', (code) => {
    closeCode = code
  })
  socket.on('message', (data: Buffer) => {
    if (firstMessageAt === 0) firstMessageAt = performance.now()
    const message = serverMessageSchema.parse(JSON.parse(data.toString())) as ServerMessage
    messages.push(message)
    take(message)
  })

  const say = (message: ClientMessage) => socket.send(JSON.stringify(message))

  function take(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        for (const { roomId, seq, call } of message.rooms) {
          const have = before?.seq(roomId)
          const facts = before ? [...before.facts(roomId)] : []
          rooms.set(roomId, { seq: have ?? seq, facts, welcomed: call })
        }
        catchUp(Object.fromEntries(message.rooms.map(({ roomId, seq }) => [roomId, seq])))
        return
      case 'facts':
        takeFacts(message.roomId, message.facts)
        return
      case 'room': {
        const { id, seq } = message.room
        if (!rooms.has(id)) rooms.set(id, { seq, facts: [], welcomed: message.room.call })
        return
      }
      case 'room-gone':
        rooms.delete(message.roomId)
        return
      case 'view': {
        const room = rooms.get(message.roomId)
        if (room) room.seq = message.seq
        return
      }
      case 'key':
      case 'pong':
      case 'error':
        return
      default:
        return message satisfies never
    }
  }

  /** From the numbers that were taken over. */
  function catchUp(told: Record<string, number>): void {
    const have = Object.fromEntries([...rooms].map(([roomId, { seq }]) => [roomId, seq]))
    const missing = numbersToSync(have, told)
    if (Object.keys(missing).length > 0) say({ type: 'sync', rooms: missing })
  }

  function takeFacts(roomId: string, facts: Fact[]): void {
    const room = rooms.get(roomId)
    if (!room) throw new Error(`${person.login} is told of a room that is not theirs: ${roomId}`)
    const { next, syncFrom } = followFacts(room.seq, facts)
    room.seq = next.at(-1)?.seq ?? room.seq
    room.facts.push(...next)
    if (syncFrom === null) return
    gaps += 1
    say({ type: 'sync', rooms: { [roomId]: syncFrom } })
  }

  const facts = (roomId: string) => rooms.get(roomId)?.facts ?? []
  await until(`${person.login} is welcomed`, 10_000, () => {
    if (failure) throw failure
    if (closeCode !== null) throw new Error(`closed with ${closeCode}`)
    return messages.some((message) => message.type === 'welcome')
  })
  return {
    messages,
    facts,
    get firstMessageAt() {
      return firstMessageAt
    },
    get closeCode() {
      return closeCode
    },
    get gaps() {
      return gaps
    },
    welcomed: (roomId) => rooms.get(roomId)?.welcomed,
    seq: (roomId) => rooms.get(roomId)?.seq,
    has: (roomId) => rooms.has(roomId),
    untilFact: (roomId, type, matches = () => true, timeoutMs = waitMs) =>
      until(`${person.login} is told ${type}`, timeoutMs, () =>
        facts(roomId)
          .filter((fact) => isOf(fact, type))
          .find(matches),
      ),
    async untilSeq(roomId, seq) {
      await until(`${person.login} has ${seq} facts`, waitMs, () => {
        const have = rooms.get(roomId)?.seq
        return have !== undefined && have >= seq
      })
    },
    untilClosed: (timeoutMs = waitMs) =>
      until(`the socket of ${person.login} is closed`, timeoutMs, () => closeCode),
    async close() {
      if (closeCode === null) socket.close()
      await until('the socket is closed', waitMs, () => closeCode !== null)
    },
  }
}

function isOf<T extends Fact['type']>(fact: Fact, type: T): fact is Extract<Fact, { type: T }> {
  return fact.type === type
}
