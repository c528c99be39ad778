/** What a live socket is told, in which order, and how it is brought up to date. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Call, Room } from '../../../server/protocol/wire.ts'
import { goodPassword, runApp, type Person, type RunningApp } from '../../support/running-app.ts'
import type { LiveClient } from '../../support/live-client.ts'

/** `performance.now()` of each commit, by room and number. */
const committedAt = new Map<string, number>()
let app: RunningApp
let ada: Person
let bo: Person
let generalId: string
const sockets: LiveClient[] = []

beforeAll(async () => {
  app = await runApp({
    wrapFanOut: (fanOut) => ({
      ...fanOut,
      committed(roomId, facts, version) {
        for (const { seq } of facts) committedAt.set(`${roomId} ${seq}`, performance.now())
        fanOut.committed(roomId, facts, version)
      },
    }),
  })
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
  const { rooms } = await ada.get<{ rooms: Room[] }>('/api/rooms')
  generalId = rooms[0]?.id ?? ''
})
afterAll(() => app.close())

async function live(person: Person): Promise<LiveClient> {
  const socket = await person.live()
  sockets.push(socket)
  return socket
}

const typesIn = (socket: LiveClient, roomId: string) =>
  socket.messages
    .filter((message) => JSON.stringify(message).includes(roomId))
    .map((message) => message.type)

describe('the welcome', () => {
  test('comes first: who I am, my rooms with their numbers and calls', async () => {
    const room = await ada.makeRoom('Bridge')
    await ada.join(room)
    const socket = await live(ada)
    expect(socket.texts).toHaveLength(1)
    expect(socket.welcome).toMatchObject({ type: 'welcome', protocol: 1, userId: ada.id })
    // B17: the server's own time, whatever the browser's clock says.
    expect(Math.abs((socket.welcome.at ?? 0) - Date.now())).toBeLessThan(60_000)
    const mine = await ada.get<{ rooms: Room[] }>('/api/rooms')
    expect(socket.welcome.rooms.toSorted((a, b) => (a.roomId < b.roomId ? -1 : 1))).toEqual(
      mine.rooms
        .map(({ id, seq, call }) => ({ roomId: id, seq, call }))
        .toSorted((a, b) => (a.roomId < b.roomId ? -1 : 1)),
    )
  })

  test('R3 tells nobody of a room that is not theirs', async () => {
    const room = await ada.makeRoom('Secret', 'private')
    const socket = await live(bo)
    await ada.say(room, 'nothing for Bo')
    await bo.say(generalId, 'something for Bo')
    await socket.until('facts', ({ roomId }) => roomId === generalId)
    expect(socket.texts.join()).not.toContain(room.id)
  })
})

describe('facts', () => {
  test('R46 R48 come in order, without a gap, within 250 ms of their commit', async () => {
    const room = await ada.makeRoom('Log')
    await bo.enter(room)
    const socket = await live(bo)
    const arrivedAt: number[] = []
    socket.socket.on('message', () => arrivedAt.push(performance.now()))
    const before = socket.texts.length
    const join = await ada.join(room, 'page-1')
    await app.report({ event: 'participant_joined', join })
    await Promise.all(Array.from({ length: 20 }, (_, i) => ada.say(room, `message ${i}`)))
    await ada.hangUp(join)
    await socket.until('facts', ({ facts }) => facts.some(({ type }) => type === 'call.ended'))

    const facts = socket.factsOf(room.id)
    expect(facts.map(({ seq }) => seq)).toEqual(facts.map((_, i) => i + 3))
    expect(facts.filter(({ type }) => type !== 'message.posted').map(({ type }) => type)).toEqual([
      'call.started',
      'participant.joined',
      'participant.connected',
      'participant.left',
      'call.ended',
    ])
    const delays = socket.messages.slice(before).flatMap((message, i) =>
      message.type === 'facts' && message.roomId === room.id
        ? message.facts.map(({ seq }) => {
            const sentAt = committedAt.get(`${room.id} ${seq}`) ?? 0
            return (arrivedAt[i] ?? Infinity) - sentAt
          })
        : [],
    )
    expect(delays).toHaveLength(facts.length)
    expect(Math.max(...delays)).toBeLessThan(250)
    for (const message of socket.messages) {
      if (message.type === 'facts') expect(message.seq).toBe(message.facts.at(-1)?.seq)
    }
  })

  test('R46 who is not in the call sees it come and go in every socket that they have', async () => {
    const room = await ada.makeRoom('Two windows')
    await bo.enter(room)
    const [one, two] = [await live(bo), await live(bo)]
    await ada.hangUp(await ada.join(room))
    for (const socket of [one, two]) {
      await socket.until('facts', ({ facts }) => facts.some(({ type }) => type === 'call.ended'))
      expect(socket.factsOf(room.id).map(({ type }) => type)).toEqual([
        'call.started',
        'participant.joined',
        'participant.left',
        'call.ended',
      ])
    }
  })
})

describe('gaining and losing a room', () => {
  test('room comes before its first facts and its number counts my member.joined; the others get the fact', async () => {
    const room = await ada.makeRoom('Club', 'private')
    const [hers, his] = [await live(ada), await live(bo)]
    await ada.ask('PUT', `/api/rooms/${room.id}/members/${bo.id}`)
    await his.until('room', ({ room: { id } }) => id === room.id)
    await ada.say(room, 'welcome, Bo')
    await his.until('facts', ({ roomId }) => roomId === room.id)
    expect(typesIn(his, room.id)).toEqual(['room', 'facts'])
    const gained = await his.until('room', ({ room: { id } }) => id === room.id)
    expect(gained.room).toMatchObject({ name: 'Club', seq: 2, memberCount: 2, ownerId: ada.id })
    expect(his.factsOf(room.id)).toMatchObject([{ seq: 3, type: 'message.posted' }])
    await hers.settled(room.id)
    expect(hers.factsOf(room.id)).toMatchObject([
      { seq: 2, type: 'member.joined', userId: bo.id, by: ada.id, source: 'membership' },
      { seq: 3 },
    ])
  })

  test('R3 R18 after room-gone nothing of it comes; the others see the removal and the call without Bo', async () => {
    const room = await ada.makeRoom('Left')
    await bo.enter(room)
    await bo.join(room)
    const [hers, his] = [await live(ada), await live(bo)]
    await ada.ask('DELETE', `/api/rooms/${room.id}/members/${bo.id}`)
    await ada.say(room, 'without Bo')
    await his.until('room-gone', ({ roomId }) => roomId === room.id)
    his.say({ type: 'sync', rooms: { [room.id]: 0 } })
    await his.until(
      'room-gone',
      (m) => his.messages.filter((o) => o.type === 'room-gone').at(-1) === m,
    )
    await bo.say(generalId, 'still here')
    await his.until('facts', ({ roomId }) => roomId === generalId)
    expect(typesIn(his, room.id)).toEqual(['welcome', 'facts', 'room-gone', 'room-gone'])
    expect(his.texts.join()).not.toContain('without Bo')
    await hers.until('facts', ({ facts }) => facts.some((f) => f.type === 'message.posted'))
    expect(hers.factsOf(room.id)).toMatchObject([
      { type: 'participant.left', userId: bo.id, reason: 'removed', source: 'membership' },
      { type: 'call.ended', reason: 'last-left' },
      { type: 'member.left', userId: bo.id, by: ada.id },
      { type: 'message.posted' },
    ])
  })

  test('R19 a deleted room’s members get its call.ended, then room-gone', async () => {
    const room = await ada.makeRoom('Gone')
    await bo.enter(room)
    await ada.join(room)
    const socket = await live(bo)
    await ada.ask('DELETE', `/api/rooms/${room.id}`)
    await socket.until('room-gone', ({ roomId }) => roomId === room.id)
    expect(socket.factsOf(room.id).at(-1)).toMatchObject({
      type: 'call.ended',
      reason: 'room-deleted',
      participants: [ada.id],
    })
    expect(typesIn(socket, room.id).at(-1)).toBe('room-gone')
  })

  test('room again when its name changes, or its owner', async () => {
    const room = await ada.makeRoom('Old')
    await bo.enter(room)
    const socket = await live(bo)
    await ada.ask('PATCH', `/api/rooms/${room.id}`, { name: 'New', visibility: 'private' })
    await socket.until('room', ({ room: r }) => r.name === 'New' && r.visibility === 'private')
    await ada.ask('DELETE', `/api/rooms/${room.id}/members/${ada.id}`)
    const changed = await socket.until('room', ({ room: r }) => r.ownerId === bo.id)
    expect(changed.room).toMatchObject({ memberCount: 1, seq: 3 })
  })

  test('a direct message opens for both at once', async () => {
    const cleo = await app.signUp('cleo')
    const his = await live(bo)
    const { id } = await cleo.post<Room>('/api/dms', { userId: bo.id })
    const opened = await his.until('room', ({ room }) => room.id === id)
    expect(opened.room).toMatchObject({ kind: 'dm', name: 'Cleo', seq: 0 })
    await cleo.say(id, 'hello')
    await his.until('facts', ({ roomId }) => roomId === id)
  })
})

describe('sync', () => {
  let room: Room
  let socket: LiveClient
  beforeAll(async () => {
    room = await ada.makeRoom('Numbers')
    for (let i = 0; i < 5; i++) await ada.say(room, `m${i}`)
    socket = await live(ada)
  })

  test('R48 from the number last seen it brings what is missing, and from the latest nothing', async () => {
    socket.forget()
    socket.say({ type: 'sync', rooms: { [room.id]: 6 } })
    socket.say({ type: 'sync', rooms: { [room.id]: 3 } })
    await socket.settled(room.id)
    expect(typesIn(socket, room.id)).toEqual(['facts', 'view'])
    expect(socket.factsOf(room.id).map(({ seq }) => seq)).toEqual([4, 5, 6])
  })

  test('R48 a number ahead of the server’s is answered by a view', async () => {
    const join = await ada.join(room)
    await socket.until('facts', ({ facts }) => facts.some((f) => f.type === 'participant.joined'))
    socket.forget()
    socket.say({ type: 'sync', rooms: { [room.id]: 1_000 } })
    const view = await socket.until('view')
    const call = await ada.get<Call>(`/api/rooms/${room.id}/call`)
    expect(view).toEqual({ type: 'view', roomId: room.id, seq: call.seq, call })
    await ada.hangUp(join)
  })

  test('R3 of a room that is not mine, or is none at all: room-gone', async () => {
    const closed = await bo.makeRoom('His', 'private')
    for (const roomId of [closed.id, 'nowhere']) {
      socket.say({ type: 'sync', rooms: { [roomId]: 0 } })
      await socket.until('room-gone', (message) => message.roomId === roomId)
    }
    expect(socket.texts.filter((text) => text.includes(closed.id))).toHaveLength(1)
  })

  test('R48 more than 500 behind there is one view instead, at 500 the facts', async () => {
    const long = await ada.makeRoom('Long')
    await Promise.all(Array.from({ length: 501 }, (_, i) => ada.say(long, `m${i}`)))
    const late = await live(ada)
    late.say({ type: 'sync', rooms: { [long.id]: 1 } })
    const view = await late.until('view', ({ roomId }) => roomId === long.id)
    expect(view).toMatchObject({ seq: 502, call: null })
    expect(late.factsOf(long.id)).toEqual([])
    late.say({ type: 'sync', rooms: { [long.id]: 2 } })
    await late.until('facts', ({ seq }) => seq === 502)
    expect(late.factsOf(long.id)).toHaveLength(500)
  })

  test('many rooms at once, each answered by itself', async () => {
    const rooms = await Promise.all(['A', 'B', 'C'].map((name) => ada.makeRoom(name)))
    const many = await live(ada)
    many.say({ type: 'sync', rooms: Object.fromEntries(rooms.map(({ id }) => [id, 0])) })
    for (const { id } of rooms) await many.until('facts', ({ roomId }) => roomId === id)
  })

  test('ping is answered with the number of every room of mine', async () => {
    socket.say({ type: 'ping' })
    const pong = await socket.until('pong')
    const { rooms } = await ada.get<{ rooms: Room[] }>('/api/rooms')
    expect(pong.rooms).toEqual(Object.fromEntries(rooms.map(({ id, seq }) => [id, seq])))
  })
})

describe('the end of a session', () => {
  test('4403 for the sockets of who signs out, not for their other sessions', async () => {
    const login = { login: 'ada', password: goodPassword }
    const { token } = (await app.ask('POST', '/api/auth/login', { body: login })).body as {
      token: string
    }
    const authorization = `Bearer ${token}`
    const [other, here] = [await ada.live({ headers: { authorization } }), await live(ada)]
    await app.ask('POST', '/api/auth/logout', { headers: { authorization } })
    expect((await other.closed).code).toBe(4403)
    here.say({ type: 'ping' })
    await here.until('pong')
  })

  test('R18 4403 for who is deleted; the others see them leave', async () => {
    const eve = await app.signUp('eve')
    const [hers, his] = [await live(eve), await live(bo)]
    await ada.ask('DELETE', `/api/users/${eve.id}`)
    expect((await hers.closed).code).toBe(4403)
    await his.until('facts', ({ facts }) =>
      facts.some((fact) => fact.type === 'member.left' && fact.userId === eve.id),
    )
  })
})

test('R5 R45 a call’s key reaches no socket but by a rotation, and then only those in the call', async () => {
  const room = await ada.makeRoom('Keys')
  const cleo = await app.signUp('clea')
  await bo.enter(room)
  await cleo.enter(room)
  const [hers, his, other] = [await live(ada), await live(bo), await live(cleo)]
  const { e2eeKey } = await ada.join(room, 'page-1')
  await bo.join(room, 'page-2')
  await ada.ask('DELETE', `/api/rooms/${room.id}/members/${bo.id}`)
  const key = await hers.until('key', ({ roomId }) => roomId === room.id)
  expect(key).toMatchObject({ keyEpoch: 1 })
  expect(key.e2eeKey).not.toBe(e2eeKey)
  await other.settled(room.id)
  await his.until('room-gone', ({ roomId }) => roomId === room.id)
  for (const socket of [his, other]) {
    expect(socket.texts.join()).not.toContain('e2eeKey')
    expect(socket.texts.join()).not.toContain(key.e2eeKey)
  }
  for (const socket of sockets) expect(socket.texts.join()).not.toContain(e2eeKey)
})

test('1012 when the server stops: come back', async () => {
  const brief = await runApp()
  const ivo = await brief.signUp('ivo')
  const socket = await ivo.live()
  await brief.stop()
  expect((await socket.closed).code).toBe(1012)
  await brief.close()
})
