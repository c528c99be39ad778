import { v7 as uuidV7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SignedIn } from '../../../server/auth/signed-in.ts'
import type { Room } from '../../../server/protocol/wire.ts'
import { createDisplayNames } from '../../../server/rooms/display-names.ts'
import { createRoomService } from '../../../server/rooms/room-service.ts'
import { openPeopleCore, type PeopleCore } from '../../support/people-core.ts'
import { createRoomCore } from '../../support/room-core.ts'

/** One database for all: every test makes rooms of its own. */
let core: PeopleCore
let ada: SignedIn
let bo: SignedIn
let chen: SignedIn
let gone: SignedIn
beforeAll(async () => {
  core = await openPeopleCore()
  ada = await core.register('ada')
  bo = await core.register('bo')
  chen = await core.register('chen')
  gone = await core.register('gone')
  await core.accounts.deleteUser(ada, gone.user.id)
})
afterAll(() => core.close())

const code = {
  notFound: { code: 'not-found' },
  forbidden: { code: 'forbidden' },
  notAMember: { code: 'not-a-member' },
  invalid: { code: 'invalid-request' },
  conflict: { code: 'conflict' },
}

/** Ada's room, with Bo in it when he is named. */
async function roomOf(visibility: 'public' | 'private', ...others: SignedIn[]): Promise<Room> {
  const room = await core.rooms.create(ada, { name: 'Salon', visibility })
  for (const { user } of others) {
    core.pass(1)
    await core.rooms.addMember(ada, room.id, user.id)
  }
  return room
}

const logins = async (me: SignedIn, roomId: string) =>
  (await core.rooms.members(me, roomId)).map((user) => user.login)

describe('making and changing rooms', () => {
  test('its maker owns it and is its first member, as a fact of its log', async () => {
    const room = await core.rooms.create(ada, { name: 'Salon', visibility: 'private' })
    expect(room).toEqual({
      id: room.id,
      name: 'Salon',
      kind: 'room',
      visibility: 'private',
      ownerId: ada.user.id,
      memberCount: 1,
      seq: 1,
      call: null,
    })
    expect(await core.facts(room.id)).toMatchObject([
      { seq: 1, type: 'member.joined', userId: ada.user.id, by: ada.user.id, source: 'membership' },
    ])
  })

  test('the owner renames it and changes who sees it; each by itself', async () => {
    const room = await roomOf('public')
    expect(await core.rooms.change(ada, room.id, { name: 'Kitchen' })).toMatchObject({
      name: 'Kitchen',
      visibility: 'public',
    })
    expect(await core.rooms.change(ada, room.id, { visibility: 'private' })).toMatchObject({
      name: 'Kitchen',
      visibility: 'private',
    })
    await expect(core.rooms.get(chen, room.id)).rejects.toMatchObject(code.notFound)
  })

  test('a change of nothing is refused', async () => {
    const room = await roomOf('public')
    await expect(core.rooms.change(ada, room.id, {})).rejects.toMatchObject(code.invalid)
  })

  test('only the owner changes or deletes it; a private one is not even there for others', async () => {
    const open = await roomOf('public', bo)
    const closed = await roomOf('private', bo)
    for (const me of [bo, chen]) {
      await expect(core.rooms.change(me, open.id, { name: 'x' })).rejects.toMatchObject(
        code.forbidden,
      )
      await expect(core.rooms.delete(me, open.id)).rejects.toMatchObject(code.forbidden)
    }
    await expect(core.rooms.delete(bo, closed.id)).rejects.toMatchObject(code.forbidden)
    await expect(core.rooms.change(chen, closed.id, { name: 'x' })).rejects.toMatchObject(
      code.notFound,
    )
    await expect(core.rooms.delete(chen, closed.id)).rejects.toMatchObject(code.notFound)
    expect(await core.rooms.get(ada, closed.id)).toMatchObject({ name: 'Salon' })
  })

  test('R19 a deleted room is gone for everybody, and its call ended in the same commit', async () => {
    const room = await roomOf('public', bo)
    await core.joinCall(room.id, bo.user.id)
    await core.rooms.delete(ada, room.id)
    expect((await core.factTypes(room.id)).slice(-2)).toEqual(['participant.left', 'call.ended'])
    expect((await core.facts(room.id)).at(-1)).toMatchObject({ reason: 'room-deleted' })
    for (const me of [ada, bo, chen]) {
      await expect(core.rooms.get(me, room.id)).rejects.toMatchObject(code.notFound)
      await expect(core.rooms.timeline(me, room.id, { limit: 1 })).rejects.toMatchObject(
        code.notFound,
      )
      await expect(core.rooms.post(me, room.id, { text: 'x' })).rejects.toMatchObject(code.notFound)
      await expect(core.rooms.addMember(me, room.id, me.user.id)).rejects.toMatchObject(
        code.notFound,
      )
      expect((await core.rooms.list(me, 'mine')).map(({ id }) => id)).not.toContain(room.id)
      expect((await core.rooms.list(me, 'public')).map(({ id }) => id)).not.toContain(room.id)
    }
  })
})

describe('what one sees', () => {
  test('lists hold my rooms, and the public ones that I could join', async () => {
    const mine = await roomOf('private', bo)
    const open = await roomOf('public')
    const closed = await roomOf('private')
    const ids = async (scope: 'mine' | 'public') =>
      (await core.rooms.list(bo, scope)).map((room) => room.id)
    expect(await ids('mine')).toContain(mine.id)
    expect(await ids('mine')).not.toContain(open.id)
    expect(await ids('public')).toContain(open.id)
    expect(await ids('public')).not.toContain(mine.id)
    expect([...(await ids('mine')), ...(await ids('public'))]).not.toContain(closed.id)
  })

  test('R3 a non-member sees a public room without its call and number', async () => {
    const room = await roomOf('public', bo)
    await core.joinCall(room.id, bo.user.id)
    expect(await core.rooms.get(chen, room.id)).toMatchObject({
      memberCount: 2,
      seq: 0,
      call: null,
    })
    const listed = (await core.rooms.list(chen, 'public')).find(({ id }) => id === room.id)
    expect(listed).toMatchObject({ seq: 0, call: null })
  })

  test('R46 a member sees the call, who is in it by name, and the number it was read at', async () => {
    const room = await roomOf('public', bo)
    await core.joinCall(room.id, bo.user.id)
    await core.joinCall(room.id, ada.user.id)
    const seen = await core.rooms.get(ada, room.id)
    expect(seen.call).toMatchObject({
      roomId: room.id,
      startedBy: bo.user.id,
      confirmed: true,
      seq: seen.seq,
      participants: [
        { userId: bo.user.id, displayName: 'Bo', state: 'joining' },
        { userId: ada.user.id, displayName: 'Ada', state: 'joining' },
      ],
    })
    expect(seen.seq).toBe((await core.facts(room.id)).at(-1)?.seq)
  })

  test('members, history and messages: 403 in a public room, 404 in a private one', async () => {
    for (const [visibility, refusal] of [
      ['public', code.notAMember],
      ['private', code.notFound],
    ] as const) {
      const { id } = await roomOf(visibility, bo)
      await expect(core.rooms.members(chen, id)).rejects.toMatchObject(refusal)
      await expect(core.rooms.timeline(chen, id, { limit: 5 })).rejects.toMatchObject(refusal)
      await expect(core.rooms.post(chen, id, { text: 'x' })).rejects.toMatchObject(refusal)
      expect(await logins(bo, id)).toEqual(['ada', 'bo'])
    }
  })

  test.each(['nobody', '', 'x'.repeat(10_000), "' or 1=1 --", '\0'])(
    'the room %# is not there',
    async (roomId) => {
      await expect(core.rooms.get(ada, roomId)).rejects.toMatchObject(code.notFound)
      await expect(core.rooms.members(ada, roomId)).rejects.toMatchObject(code.notFound)
      await expect(core.rooms.post(ada, roomId, { text: 'x' })).rejects.toMatchObject(code.notFound)
      await expect(core.rooms.delete(ada, roomId)).rejects.toMatchObject(code.notFound)
    },
  )
})

describe('membership', () => {
  test('Bo lets himself into a public room, and not into a private one', async () => {
    const open = await roomOf('public')
    await core.rooms.addMember(bo, open.id, bo.user.id)
    expect((await core.facts(open.id)).at(-1)).toMatchObject({
      type: 'member.joined',
      userId: bo.user.id,
      by: bo.user.id,
    })
    const closed = await roomOf('private')
    await expect(core.rooms.addMember(bo, closed.id, bo.user.id)).rejects.toMatchObject(
      code.notFound,
    )
  })

  test('the owner adds others, a member does not', async () => {
    for (const visibility of ['public', 'private'] as const) {
      const room = await roomOf(visibility, bo)
      await expect(core.rooms.addMember(bo, room.id, chen.user.id)).rejects.toMatchObject(
        code.forbidden,
      )
      await core.rooms.addMember(ada, room.id, chen.user.id)
      expect((await core.facts(room.id)).at(-1)).toMatchObject({ by: ada.user.id })
      expect(await logins(chen, room.id)).toEqual(['ada', 'bo', 'chen'])
    }
  })

  test('somebody who is in it already is not added twice', async () => {
    const room = await roomOf('public', bo)
    await core.rooms.addMember(ada, room.id, bo.user.id)
    await core.rooms.addMember(bo, room.id, bo.user.id)
    expect(await core.factTypes(room.id)).toEqual(['member.joined', 'member.joined'])
  })

  test('nobody adds an account that is gone or never was', async () => {
    const room = await roomOf('public')
    for (const userId of [gone.user.id, 'nobody']) {
      await expect(core.rooms.addMember(ada, room.id, userId)).rejects.toMatchObject(code.notFound)
    }
    expect(await core.factTypes(room.id)).toEqual(['member.joined'])
  })

  test('Bo leaves, and leaving once more changes nothing', async () => {
    const room = await roomOf('public', bo)
    await core.rooms.removeMember(bo, room.id, bo.user.id)
    await core.rooms.removeMember(bo, room.id, bo.user.id)
    expect(await core.factTypes(room.id)).toEqual(['member.joined', 'member.joined', 'member.left'])
  })

  test('the owner removes others, a member does not; nobody removes who is not there', async () => {
    const room = await roomOf('private', bo, chen)
    await expect(core.rooms.removeMember(bo, room.id, chen.user.id)).rejects.toMatchObject(
      code.forbidden,
    )
    await core.rooms.removeMember(ada, room.id, chen.user.id)
    expect((await core.facts(room.id)).at(-1)).toMatchObject({
      type: 'member.left',
      userId: chen.user.id,
      by: ada.user.id,
    })
    await expect(core.rooms.removeMember(ada, room.id, chen.user.id)).rejects.toMatchObject(
      code.notFound,
    )
    await expect(core.rooms.removeMember(chen, room.id, chen.user.id)).rejects.toMatchObject(
      code.notFound,
    )
  })

  test('an owner who leaves hands over to the oldest member, the last one to nobody', async () => {
    const room = await roomOf('public', chen, bo)
    await core.rooms.removeMember(ada, room.id, ada.user.id)
    expect((await core.rooms.get(bo, room.id)).ownerId).toBe(chen.user.id)
    await core.rooms.removeMember(bo, room.id, bo.user.id)
    expect((await core.rooms.get(chen, room.id)).ownerId).toBe(chen.user.id)
    await core.rooms.removeMember(chen, room.id, chen.user.id)
    expect(await core.rooms.get(chen, room.id)).toMatchObject({ ownerId: null, memberCount: 0 })
  })

  test('R18 a removal takes Bo out of the call in the same commit and asks LiveKit to evict him', async () => {
    const room = await roomOf('public', bo)
    await core.joinCall(room.id, ada.user.id)
    await core.joinCall(room.id, bo.user.id)
    await core.rooms.removeMember(ada, room.id, bo.user.id)
    const [left, rotated, gone] = (await core.facts(room.id)).slice(-3)
    expect(left).toMatchObject({ type: 'participant.left', userId: bo.user.id, reason: 'removed' })
    expect(rotated).toMatchObject({ type: 'key.rotated', keyEpoch: 1, at: left?.at })
    expect(gone).toMatchObject({ type: 'member.left', userId: bo.user.id, at: left?.at })
    const call = await core.call(room.id)
    expect(call?.participants.map((p) => p.displayName)).toEqual(['Ada'])
    expect(await core.store.effects.openEvictions(call?.callId ?? '')).toBe(1)
  })

  test('twenty people let themselves in at once, each with one fact and no gap between', async () => {
    const room = await roomOf('public')
    await Promise.all(
      [bo, chen].flatMap((me) =>
        Array.from({ length: 10 }, () => core.rooms.addMember(me, room.id, me.user.id)),
      ),
    )
    expect((await core.facts(room.id)).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'member.joined'],
      [2, 'member.joined'],
      [3, 'member.joined'],
    ])
  })
})

describe('direct messages', () => {
  test('are one room for a pair, whoever asks first, and each sees the name of the other', async () => {
    const first = await core.rooms.openDm(ada, bo.user.id)
    const again = await core.rooms.openDm(bo, ada.user.id)
    expect(first.created).toBe(true)
    expect(again.created).toBe(false)
    expect(first.room).toEqual({
      id: first.room.id,
      name: 'Bo',
      kind: 'dm',
      visibility: 'private',
      ownerId: null,
      memberCount: 2,
      seq: 0,
      call: null,
    })
    expect(again.room).toEqual({ ...first.room, name: 'Ada' })
    expect(core.gained.get(first.room.id)).toEqual([ada.user.id, bo.user.id])
    const listed = (await core.rooms.list(bo, 'mine')).find(({ id }) => id === first.room.id)
    expect(listed?.name).toBe('Ada')
  })

  test('opened by both at once they are still one', async () => {
    const opened = await Promise.all([
      core.rooms.openDm(chen, bo.user.id),
      core.rooms.openDm(bo, chen.user.id),
      core.rooms.openDm(chen, bo.user.id),
    ])
    expect(new Set(opened.map(({ room }) => room.id)).size).toBe(1)
    expect(opened.filter(({ created }) => created)).toHaveLength(1)
  })

  test('are not with oneself, nor with somebody gone', async () => {
    await expect(core.rooms.openDm(ada, ada.user.id)).rejects.toMatchObject(code.invalid)
    for (const userId of [gone.user.id, 'nobody']) {
      await expect(core.rooms.openDm(ada, userId)).rejects.toMatchObject(code.notFound)
    }
  })

  test('cannot be changed, left, joined or deleted; for others they are not there', async () => {
    const { room } = await core.rooms.openDm(ada, bo.user.id)
    const tries = (me: SignedIn) => [
      core.rooms.change(me, room.id, { name: 'x' }),
      core.rooms.delete(me, room.id),
      core.rooms.addMember(me, room.id, chen.user.id),
      core.rooms.removeMember(me, room.id, me.user.id),
      core.rooms.removeMember(me, room.id, bo.user.id),
    ]
    for (const attempt of await Promise.allSettled(tries(ada))) {
      expect(attempt).toMatchObject({ reason: code.forbidden })
    }
    const others = [
      ...tries(chen),
      core.rooms.get(chen, room.id),
      core.rooms.members(chen, room.id),
      core.rooms.timeline(chen, room.id, { limit: 1 }),
      core.rooms.post(chen, room.id, { text: 'x' }),
    ]
    for (const attempt of await Promise.allSettled(others)) {
      expect(attempt).toMatchObject({ reason: code.notFound })
    }
    expect(await core.facts(room.id)).toEqual([])
  })
})

describe('messages', () => {
  test('are facts of the room', async () => {
    const room = await roomOf('public')
    const fact = await core.rooms.post(ada, room.id, { text: 'Hello\nthere 👋' })
    expect(fact).toEqual({
      seq: 2,
      type: 'message.posted',
      at: core.now(),
      by: ada.user.id,
      source: 'user',
      text: 'Hello\nthere 👋',
    })
    expect((await core.facts(room.id)).at(-1)).toEqual(fact)
  })

  test('the same request again is the same message; with another text it is a conflict', async () => {
    const room = await roomOf('public', bo)
    const request = { text: 'Hello', requestId: 'r1' }
    const fact = await core.rooms.post(ada, room.id, request)
    const others = await core.rooms.post(bo, room.id, request)
    core.pass(23 * 3600_000)
    expect(await core.rooms.post(ada, room.id, request)).toEqual(fact)
    await expect(core.rooms.post(ada, room.id, { ...request, text: 'Bye' })).rejects.toMatchObject(
      code.conflict,
    )
    expect(others).toMatchObject({ seq: fact.seq + 1, by: bo.user.id })
    expect(
      (await core.factTypes(room.id)).filter((type) => type === 'message.posted'),
    ).toHaveLength(2)
  })

  test('a hundred sends of one request at once are one message, answered alike', async () => {
    const room = await roomOf('public')
    const sent = await Promise.all(
      Array.from({ length: 100 }, () =>
        core.rooms.post(ada, room.id, { text: 'Hello', requestId: 'once' }),
      ),
    )
    expect(new Set(sent.map((fact) => JSON.stringify(fact))).size).toBe(1)
    expect(await core.factTypes(room.id)).toEqual(['member.joined', 'message.posted'])
  })

  test('a request is still known after a restart', async () => {
    const room = await roomOf('public')
    const request = { text: 'Hello', requestId: 'r' }
    const fact = await core.rooms.post(ada, room.id, request)
    const restarted = createRoomService({
      store: core.store,
      steps: createRoomCore({ store: core.store, now: core.now, newId: () => uuidV7() }).mailbox,
      views: core.views,
      fanOut: { membersAdded: () => Promise.resolve() },
      now: core.now,
      newId: () => uuidV7(),
    })
    expect(await restarted.post(ada, room.id, request)).toEqual(fact)
    await expect(restarted.post(ada, room.id, { ...request, text: 'Bye' })).rejects.toMatchObject(
      code.conflict,
    )
    // The first one noticed nothing, and both go on from what is committed.
    await restarted.post(ada, room.id, { text: 'from one' })
    await core.rooms.post(ada, room.id, { text: 'from the other' })
    expect((await core.facts(room.id)).map((f) => f.seq)).toEqual([1, 2, 3, 4])
  })

  test('one request id in two rooms is two messages', async () => {
    const [one, two] = [await roomOf('public'), await roomOf('public')]
    await core.rooms.post(ada, one.id, { text: 'Hello', requestId: 'r' })
    await core.rooms.post(ada, two.id, { text: 'Bye', requestId: 'r' })
    expect((await core.facts(two.id)).at(-1)).toMatchObject({ text: 'Bye', requestId: 'r' })
  })

  test('who was removed meanwhile cannot repeat a request', async () => {
    const room = await roomOf('public', bo)
    await core.rooms.post(bo, room.id, { text: 'Hello', requestId: 'r' })
    await core.rooms.removeMember(ada, room.id, bo.user.id)
    await expect(
      core.rooms.post(bo, room.id, { text: 'Hello', requestId: 'r' }),
    ).rejects.toMatchObject(code.notAMember)
  })
})

describe('history', () => {
  test('R47 shows messages, calls and membership, never who joined or left a call', async () => {
    const room = await roomOf('public', bo)
    await core.joinCall(room.id, bo.user.id)
    await core.joinCall(room.id, ada.user.id)
    await core.rooms.post(ada, room.id, { text: 'Hello' })
    await core.rooms.delete(ada, (await roomOf('public')).id)
    const { entries, hasMore } = await core.rooms.timeline(ada, room.id, { limit: 50 })
    expect(entries.map((fact) => fact.type)).toEqual([
      'member.joined',
      'member.joined',
      'call.started',
      'message.posted',
    ])
    expect(hasMore).toBe(false)
  })

  test('is read page by page, newest last, without a gap or a repetition', async () => {
    const room = await roomOf('public')
    for (let i = 1; i <= 6; i++) await core.rooms.post(ada, room.id, { text: `${i}` })
    const seen: number[] = []
    let before: number | undefined
    for (;;) {
      const page = await core.rooms.timeline(ada, room.id, { before, limit: 3 })
      const numbers = page.entries.map((fact) => fact.seq)
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
      seen.unshift(...numbers)
      before = numbers[0]
      if (!page.hasMore) break
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(await core.rooms.timeline(ada, room.id, { before: 1, limit: 3 })).toEqual({
      entries: [],
      users: [],
      hasMore: false,
    })
  })

  test('a page that ends exactly at the beginning has no more', async () => {
    const room = await roomOf('public')
    await core.rooms.post(ada, room.id, { text: 'Hello' })
    expect(await core.rooms.timeline(ada, room.id, { limit: 2 })).toMatchObject({ hasMore: false })
    expect(await core.rooms.timeline(ada, room.id, { limit: 1 })).toMatchObject({ hasMore: true })
  })

  test('comes with everybody named in it, and nobody else', async () => {
    const room = await roomOf('public', bo, chen)
    await core.joinCall(room.id, bo.user.id)
    await core.rooms.removeMember(ada, room.id, bo.user.id)
    const whole = await core.rooms.timeline(ada, room.id, { limit: 50 })
    expect(whole.entries.at(-2)).toMatchObject({ type: 'call.ended', participants: [bo.user.id] })
    expect(whole.users.map((user) => user.login).toSorted()).toEqual(['ada', 'bo', 'chen'])
    const first = await core.rooms.timeline(ada, room.id, { before: 2, limit: 50 })
    expect(first.users.map((user) => user.login)).toEqual(['ada'])
  })

  test('names people who are gone', async () => {
    const { entries, users } = await core.rooms.timeline(ada, core.generalId, { limit: 200 })
    expect(entries).toContainEqual(
      expect.objectContaining({ type: 'member.left', userId: gone.user.id }),
    )
    expect(users).toContainEqual(
      expect.objectContaining({ id: gone.user.id, displayName: 'Gone', deleted: true }),
    )
  })
})

describe('names', () => {
  test('of people who left the memory are read again', async () => {
    let reads = 0
    const names = createDisplayNames({
      accounts: {
        users(userIds) {
          reads += 1
          return core.store.accounts.users(userIds)
        },
      },
      inMemory: 2,
    })
    const all = [ada, bo, chen].map(({ user }) => user.id)
    expect([...(await names.of(all)).values()]).toEqual(['Ada', 'Bo', 'Chen'])
    expect([...(await names.of([bo.user.id, chen.user.id])).values()]).toEqual(['Bo', 'Chen'])
    expect(reads).toBe(1)
    expect([...(await names.of([...all, 'nobody'])).values()]).toEqual(['Ada', 'Bo', 'Chen', ''])
    expect(reads).toBe(2)
  })
})
