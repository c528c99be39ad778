// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Room } from '../../../server/protocol/wire.ts'
import { connect, disconnect, useConnectionLost } from '../../../web/stores/live.store.ts'
import { roomNow, roomsStore } from '../../../web/stores/rooms.store.ts'
import { sessionStore } from '../../../web/stores/session.store.ts'

/** As far as it matters here: a socket that the test opens, speaks through and closes. */
class FakeSocket {
  static OPEN = 1
  static latest: FakeSocket
  readyState = 1
  sent: unknown[] = []
  onmessage: (event: { data: string }) => void = () => undefined
  onclose: (event: { code: number }) => void = () => undefined
  constructor() {
    FakeSocket.latest = this
  }
  send(data: string): void {
    this.sent.push(JSON.parse(data))
  }
  close(): void {
    this.readyState = 3
  }
}

const garden: Room = {
  id: 'garden',
  name: 'Garden',
  kind: 'room',
  visibility: 'public',
  ownerId: 'ada',
  memberCount: 2,
  seq: 7,
  call: null,
}

let isApiAway: boolean
let rooms: Room[]
let areCallsOn: boolean
const isLost = useConnectionLost()
const later = (ms: number) => vi.advanceTimersByTimeAsync(ms)

async function say(message: object): Promise<void> {
  FakeSocket.latest.onmessage({ data: JSON.stringify(message) })
  await later(0)
}
const welcome = (seq = 7) =>
  say({ type: 'welcome', rooms: [{ roomId: 'garden', seq, call: null }] })

/** The socket breaks, and another one is welcome. */
async function comeBack(seq?: number): Promise<void> {
  FakeSocket.latest.onclose({ code: 1006 })
  await later(1000)
  await welcome(seq)
}

beforeEach(() => {
  vi.useFakeTimers()
  isApiAway = false
  rooms = [garden]
  areCallsOn = true
  vi.stubGlobal('WebSocket', FakeSocket)
  vi.stubGlobal('fetch', (path: string) => {
    if (path === '/api/config') {
      const config = { name: 'Harbour', version: '1', calls: { enabled: areCallsOn } }
      return Promise.resolve(Response.json(config))
    }
    return Promise.resolve(
      isApiAway
        ? new Response('', { status: 503 })
        : Response.json({ rooms, entries: [], users: [] }),
    )
  })
})
afterEach(() => {
  disconnect()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

test('a room that was renamed while the socket was away has its new name, and keeps number and call', async () => {
  connect()
  await welcome()
  const call = {
    callId: 'call1',
    roomId: 'garden',
    startedAt: 0,
    startedBy: 'ada',
    seq: 7,
    confirmed: true,
    participants: [],
  }
  roomsStore.trigger.viewed({ roomId: 'garden', seq: 7, call })
  rooms = [
    { ...garden, name: 'Yard', visibility: 'private', ownerId: 'bo', memberCount: 3, seq: 9 },
  ]
  await comeBack(9)
  expect(roomNow('garden')).toMatchObject({
    name: 'Yard',
    visibility: 'private',
    ownerId: 'bo',
    memberCount: 3,
    seq: 7,
    call: { callId: 'call1', startedBy: 'ada' },
  })
  expect(FakeSocket.latest.sent).toContainEqual({ type: 'sync', rooms: { garden: 7 } })
})

test('who joined while the socket was away is counted once, whoever joins later is counted too', async () => {
  connect()
  await welcome()
  rooms = [{ ...garden, memberCount: 3, seq: 8 }]
  await comeBack()
  const joined = (seq: number, userId: string) => ({
    type: 'member.joined',
    seq,
    at: 1,
    source: 'user',
    by: userId,
    userId,
  })
  await say({ type: 'facts', roomId: 'garden', facts: [joined(8, 'cleo')] })
  expect(roomNow('garden')).toMatchObject({ memberCount: 3, seq: 8 })
  await say({ type: 'facts', roomId: 'garden', facts: [joined(9, 'dara')] })
  expect(roomNow('garden')).toMatchObject({ memberCount: 4, seq: 9 })
})

test('rooms that cannot be fetched at first are asked for again, and that is said until they come', async () => {
  isApiAway = true
  connect()
  await welcome()
  expect(isLost.value).toBe(true)
  await later(2000)
  expect(roomsStore.getSnapshot().context.loaded).toBe(false)
  isApiAway = false
  await later(20_000)
  expect(roomNow('garden')?.name).toBe('Garden')
  expect(isLost.value).toBe(false)
})

test('whoever signs out waits for no rooms any more', async () => {
  isApiAway = true
  connect()
  await welcome()
  disconnect()
  isApiAway = false
  await later(60_000)
  expect(roomsStore.getSnapshot().context.loaded).toBe(false)
})

test('a socket that never becomes live counts as lost after five seconds', async () => {
  connect()
  await later(4900)
  expect(isLost.value).toBe(false)
  await later(200)
  expect(isLost.value).toBe(true)
  await welcome()
  expect(isLost.value).toBe(false)
})

test('R50 calls that a restart turned off are off here with the next welcome', async () => {
  connect()
  await welcome()
  expect(sessionStore.getSnapshot().context.config?.calls.enabled).toBe(true)
  areCallsOn = false
  await comeBack()
  expect(sessionStore.getSnapshot().context.config?.calls.enabled).toBe(false)
})

test('a session that the server ended is told apart from a sign-out', async () => {
  const me = { id: 'ada', login: 'ada', displayName: 'Ada', admin: false }
  sessionStore.trigger.signedIn({ me })
  connect()
  FakeSocket.latest.onclose({ code: 4401 })
  expect(sessionStore.getSnapshot().context).toMatchObject({ state: 'signed-out', wasEnded: true })
  sessionStore.trigger.signedIn({ me })
  sessionStore.trigger.signedOut()
  expect(sessionStore.getSnapshot().context.wasEnded).toBe(false)
})
