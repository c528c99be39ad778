/** Rooms, members, messages and history over HTTP. The rules themselves are room-service.test.ts's. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Fact, Room, User } from '../../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'

let app: RunningApp
let ada: Person
let bo: Person
let cleo: Person
beforeAll(async () => {
  app = await runApp()
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
  cleo = await app.signUp('cleo')
})
afterAll(() => app.close())

type Timeline = { entries: Fact[]; users: User[]; hasMore: boolean }
const status = async (asked: Promise<{ status: number }>) => (await asked).status

describe('a room', () => {
  test('201: Ada makes one and owns it; PATCH is hers alone; DELETE ends it for all', async () => {
    const made = await ada.ask('POST', '/api/rooms', { name: '  Boats ', visibility: 'public' })
    expect(made.status).toBe(201)
    const room = made.body as Room
    expect(room).toMatchObject({ name: 'Boats', kind: 'room', ownerId: ada.id, memberCount: 1 })
    await bo.enter(room)

    const path = `/api/rooms/${room.id}`
    expect((await ada.ask('PATCH', path, { name: 'Ships' })).body).toMatchObject({
      name: 'Ships',
      visibility: 'public',
      memberCount: 2,
    })
    expect(await status(bo.ask('PATCH', path, { name: 'Mine' }))).toBe(403)
    expect(await status(bo.ask('DELETE', path))).toBe(403)
    expect(await status(ada.ask('PATCH', path, {}))).toBe(400)
    expect(await status(ada.ask('DELETE', path))).toBe(204)
    for (const [method, at] of [
      ['GET', path],
      ['GET', `${path}/members`],
      ['GET', `${path}/timeline`],
      ['GET', `${path}/call`],
      ['DELETE', path],
    ] as const) {
      expect(`${at} ${await status(ada.ask(method, at))}`).toBe(`${at} 404`)
    }
  })

  test('R3 a non-member of a public one sees neither its call nor its number', async () => {
    const room = await ada.makeRoom('Open')
    await ada.join(room)
    expect(await cleo.get(`/api/rooms/${room.id}`)).toMatchObject({ seq: 0, call: null })
    const { rooms } = await cleo.get<{ rooms: Room[] }>('/api/rooms?scope=public')
    expect(rooms.find(({ id }) => id === room.id)).toMatchObject({ seq: 0, call: null })
    const { calls } = await cleo.get<{ calls: object[] }>('/api/calls')
    expect(calls).toEqual([])
  })

  test('R3 who is not in it: 403 in a public one, 404 in a private one, 403 on either’s call', async () => {
    const table = [
      { room: await ada.makeRoom('Open'), look: 200, inside: 403 },
      { room: await ada.makeRoom('Closed', 'private'), look: 404, inside: 404 },
    ]
    for (const { room, look, inside } of table) {
      await ada.join(room)
      const at = `/api/rooms/${room.id}`
      const answers = {
        look: await status(cleo.ask('GET', at)),
        members: await status(cleo.ask('GET', `${at}/members`)),
        timeline: await status(cleo.ask('GET', `${at}/timeline`)),
        message: await status(cleo.ask('POST', `${at}/messages`, { text: 'hello?' })),
        call: await status(cleo.ask('GET', `${at}/call`)),
        join: await status(cleo.ask('POST', `${at}/call/join`, {})),
        leave: await status(cleo.ask('POST', `${at}/call/leave`, { callId: 'x' })),
      }
      expect(answers).toEqual({
        look,
        members: inside,
        timeline: inside,
        message: inside,
        call: 403,
        join: 403,
        leave: 403,
      })
      const refused = await cleo.ask('POST', `${at}/call/join`, {})
      expect(refused.body).toMatchObject({ error: { code: 'not-a-member' } })
    }
  })

  test('R3 404 for a room that never was, and for what cannot be one', async () => {
    for (const id of ['0190aaaa-0000-7000-8000-000000000000', '..', '%2e%2e', 'a%00b', '%ff', '']) {
      const call = `/api/rooms/${id}/call`
      expect(`${call} ${await status(ada.ask('GET', call))}`).toBe(`${call} 404`)
      expect(await status(ada.ask('POST', `${call}/join`, {}))).toBe(404)
    }
  })
})

describe('members', () => {
  test('Bo comes in by himself, Ada adds Cleo, each 204 and again 204', async () => {
    const room = await ada.makeRoom('Quay')
    const members = `/api/rooms/${room.id}/members`
    expect(await status(bo.ask('PUT', `${members}/${bo.id}`))).toBe(204)
    expect(await status(bo.ask('PUT', `${members}/${bo.id}`))).toBe(204)
    expect(await status(bo.ask('PUT', `${members}/${cleo.id}`))).toBe(403)
    expect(await status(ada.ask('PUT', `${members}/${cleo.id}`))).toBe(204)
    expect(await status(ada.ask('PUT', `${members}/nobody`))).toBe(404)
    expect((await bo.get<{ members: User[] }>(members)).members).toEqual([
      ada.user,
      bo.user,
      cleo.user,
    ])
  })

  test('Ada removes Bo and leaves: Cleo, the oldest of the others, owns it; the last leaves it ownerless', async () => {
    const room = await ada.makeRoom('Pier')
    await bo.enter(room)
    await cleo.enter(room)
    const members = `/api/rooms/${room.id}/members`
    expect(await status(bo.ask('DELETE', `${members}/${cleo.id}`))).toBe(403)
    expect(await status(ada.ask('DELETE', `${members}/${bo.id}`))).toBe(204)
    expect(await status(ada.ask('DELETE', `${members}/${bo.id}`))).toBe(404)
    expect(await status(ada.ask('DELETE', `${members}/${ada.id}`))).toBe(204)
    expect(await cleo.get(`/api/rooms/${room.id}`)).toMatchObject({ ownerId: cleo.id })
    expect(await status(cleo.ask('DELETE', `${members}/${cleo.id}`))).toBe(204)
    expect(await ada.get(`/api/rooms/${room.id}`)).toMatchObject({ ownerId: null, memberCount: 0 })
  })
})

describe('direct messages', () => {
  test('201, then 200 for both: one per pair, named after the other, hidden from the third', async () => {
    const first = await ada.ask('POST', '/api/dms', { userId: bo.id })
    const again = await ada.ask('POST', '/api/dms', { userId: bo.id })
    const his = await bo.ask('POST', '/api/dms', { userId: ada.id })
    expect([first.status, again.status, his.status]).toEqual([201, 200, 200])
    const { id } = first.body as Room
    expect(first.body).toMatchObject({ kind: 'dm', name: 'Bo', ownerId: null, memberCount: 2 })
    expect(his.body).toMatchObject({ id, name: 'Ada' })
    expect(await status(cleo.ask('GET', `/api/rooms/${id}`))).toBe(404)
    expect(await status(cleo.ask('GET', `/api/rooms/${id}/call`))).toBe(403)
  })

  test('cannot be changed: 403; nor be with oneself: 400; nor with nobody: 404', async () => {
    const { id } = (await ada.ask('POST', '/api/dms', { userId: bo.id })).body as Room
    const at = `/api/rooms/${id}`
    expect(await status(ada.ask('PATCH', at, { name: 'Us' }))).toBe(403)
    expect(await status(ada.ask('DELETE', at))).toBe(403)
    expect(await status(ada.ask('PUT', `${at}/members/${cleo.id}`))).toBe(403)
    expect(await status(ada.ask('DELETE', `${at}/members/${ada.id}`))).toBe(403)
    expect(await status(ada.ask('POST', '/api/dms', { userId: ada.id }))).toBe(400)
    expect(await status(ada.ask('POST', '/api/dms', { userId: 'nobody' }))).toBe(404)
  })
})

describe('messages', () => {
  test('201 with the fact; the same requestId is the same message, with another text 409', async () => {
    const room = await ada.makeRoom('Deck')
    const at = `/api/rooms/${room.id}/messages`
    const message = { text: 'Ahoy', requestId: 'r-1' }
    const first = await ada.ask('POST', at, message)
    const again = await ada.ask('POST', at, message)
    expect([first.status, again.status]).toEqual([201, 201])
    expect(first.body).toMatchObject({ type: 'message.posted', by: ada.id, source: 'user' })
    expect(again.body).toEqual(first.body)
    const other = await ada.ask('POST', at, { ...message, text: 'Ahoy!' })
    expect(other.status).toBe(409)
    expect(other.body).toMatchObject({ error: { code: 'conflict' } })
    const { entries } = await ada.get<Timeline>(`/api/rooms/${room.id}/timeline`)
    expect(entries.filter(({ type }) => type === 'message.posted')).toEqual([first.body])
  })

  test.each([
    ['text', {}],
    ['text', { text: '' }],
    ['text', { text: '  \n ' }],
    ['text', { text: 'x'.repeat(8001) }],
    ['text', { text: 'nul\0' }],
    ['text', { text: 'half \ud83d' }],
    ['text', { text: ['a'] }],
    ['requestId', { text: 'a', requestId: '' }],
    ['requestId', { text: 'a', requestId: 'x'.repeat(65) }],
    ['requestId', { text: 'a', requestId: 'a b' }],
    ['requestId', { text: 'a', requestId: null }],
    ['type', { text: 'a', type: 'xstate.init' }],
  ])('400 that names %s', async (field, body) => {
    const { rooms } = await ada.get<{ rooms: Room[] }>('/api/rooms')
    const answer = await ada.ask('POST', `/api/rooms/${rooms[0]?.id}/messages`, body)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ error: { code: 'invalid-request', details: { field } } })
  })

  test('8,000 characters, line breaks and every script are fine', async () => {
    const room = await ada.makeRoom('Long')
    const text = `${'ä'.repeat(7_990)}\n\t漢字 🎉`
    expect((await ada.say(room, text)) as object).toMatchObject({ text })
  })
})

describe('history', () => {
  test('page by page from the newest back, without a gap or a repetition', async () => {
    const room = await ada.makeRoom('Log')
    for (let i = 1; i <= 7; i++) await ada.say(room, `entry ${i}`)
    const at = `/api/rooms/${room.id}/timeline`
    const pages: Timeline[] = []
    for (let before = ''; ; before = `&before=${pages.at(-1)?.entries[0]?.seq}`) {
      pages.push(await ada.get<Timeline>(`${at}?limit=3${before}`))
      if (!pages.at(-1)?.hasMore) break
    }
    expect(pages.map(({ entries }) => entries.map(({ seq }) => seq))).toEqual([
      [6, 7, 8],
      [3, 4, 5],
      [1, 2],
    ])
    expect(pages[0]?.users).toEqual([ada.user])
    expect((await ada.get<Timeline>(`${at}?before=1`)).entries).toEqual([])
  })

  test.each([
    'limit=0',
    'limit=201',
    'limit=1.5',
    'limit=ten',
    'limit=',
    'limit=0x10',
    'limit=1e2',
    'before=0',
    'before=-1',
    'before=',
    'before=99999999999999999999',
    'before=1&before=2',
    'after=1',
  ])('400 for ?%s', async (query) => {
    const { rooms } = await ada.get<{ rooms: Room[] }>('/api/rooms')
    expect(await status(ada.ask('GET', `/api/rooms/${rooms[0]?.id}/timeline?${query}`))).toBe(400)
  })

  test('R47 a call is two rows, who started it and how long with whom; its joins and leaves are none', async () => {
    const room = await ada.makeRoom('Call')
    await bo.enter(room)
    const hers = await ada.join(room, 'page-a')
    const his = await bo.join(room, 'page-b')
    await app.report({ event: 'participant_joined', join: hers })
    await app.report({ event: 'participant_joined', join: his })
    await bo.hangUp(his)
    await ada.hangUp(hers)
    const { entries, users } = await ada.get<Timeline>(`/api/rooms/${room.id}/timeline`)
    expect(entries.map(({ type }) => type)).toEqual([
      'member.joined',
      'member.joined',
      'call.started',
      'call.ended',
    ])
    expect(entries[2]).toMatchObject({ callId: hers.callId, by: ada.id, source: 'user' })
    expect(entries[3]).toMatchObject({
      callId: hers.callId,
      reason: 'last-left',
      participants: [ada.id, bo.id],
    })
    expect(users.map(({ id }) => id).toSorted()).toEqual([ada.id, bo.id].toSorted())
  })
})
