import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAttempts } from '../../../server/auth/attempts.ts'
import { createAccountRooms } from '../../../server/auth/account-rooms.ts'
import { AppError } from '../../../server/errors.ts'
import { goodPassword, openPeopleCore, type PeopleCore } from '../../support/people-core.ts'

const day = 24 * 3600_000
const password = goodPassword
let core: PeopleCore
beforeEach(async () => {
  core = await openPeopleCore()
})
afterEach(() => core.close())

describe('registering', () => {
  test('Ada, the first person, is admin; Bo is not', async () => {
    const ada = await core.accounts.register(
      { login: 'ada', password, displayName: 'Ada L.' },
      '::1',
    )
    const bo = await core.accounts.register({ login: 'bo', password }, '::1')
    expect(ada.user).toEqual({
      id: expect.any(String) as string,
      login: 'ada',
      displayName: 'Ada L.',
      admin: true,
    })
    expect(bo.user).toMatchObject({ login: 'bo', displayName: 'bo', admin: false })
  })

  test('of many who register at once on a new server exactly one is admin', async () => {
    const logins = ['ada', 'bo', 'chen', 'dana', 'eli', 'fay']
    const all = await Promise.all(
      logins.map((login) => core.accounts.register({ login, password }, '::1')),
    )
    expect(all.filter(({ user }) => user.admin)).toHaveLength(1)
  })

  test('a login is taken whatever its case', async () => {
    await core.register('ada')
    await expect(core.accounts.register({ login: 'ADA', password }, '::1')).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await core.store.accounts.count()).toBe(1)
  })

  test('closed registration lets in the first person and nobody after', async () => {
    const accounts = core.accountsWith({ registration: 'closed' })
    const { user } = await accounts.register({ login: 'ada', password }, '::1')
    expect(user.admin).toBe(true)
    await expect(accounts.register({ login: 'bo', password }, '::1')).rejects.toMatchObject({
      code: 'forbidden',
    })
    expect(await core.store.accounts.count()).toBe(1)
  })

  test.each([undefined, '', 'wrong', 'CODE-OF-THIS-START'])(
    'the first person cannot register with the setup code %j',
    async (setupCode) => {
      const accounts = core.accountsWith({ setupCode: 'code-of-this-start' })
      const request = { login: 'mallory', password, ...(setupCode !== undefined && { setupCode }) }
      await expect(accounts.register(request, '1.2.3.4')).rejects.toMatchObject({
        code: 'forbidden',
        details: { setupCodeNeeded: true },
      })
      expect(await core.store.accounts.count()).toBe(0)
    },
  )

  test('the first person needs the setup code, and nobody after', async () => {
    const accounts = core.accountsWith({ setupCode: 'code-of-this-start' })
    const ada = await accounts.register(
      { login: 'ada', password, setupCode: ' code-of-this-start\n' },
      '1.2.3.4',
    )
    expect(ada.user.admin).toBe(true)
    const bo = await accounts.register({ login: 'bo', password }, '1.2.3.4')
    const chen = await accounts.register({ login: 'chen', password, setupCode: 'x' }, '1.2.3.4')
    expect([bo.user.admin, chen.user.admin]).toEqual([false, false])
  })

  test('one address registers so often a minute, another is not held up by it', async () => {
    const attempts = createAttempts({
      registrationsPerMinute: 2,
      signInsPerMinute: 0,
      now: core.now,
    })
    const accounts = core.accountsWith({ attempts })
    await accounts.register({ login: 'ada', password }, '1.1.1.1')
    await accounts.register({ login: 'bo', password }, '1.1.1.1')
    const third = accounts.register({ login: 'chen', password }, '1.1.1.1')
    await expect(third).rejects.toMatchObject({ code: 'slow-down' })
    await third.catch((error: AppError) => {
      expect(error.details['retryAfterMs']).toBeGreaterThan(0)
      expect(error.details['retryAfterMs']).toBeLessThanOrEqual(60_000)
    })
    await accounts.register({ login: 'chen', password }, '2.2.2.2')
  })
})

describe('sessions', () => {
  test('a token is 32 random bytes, only its hash is stored, and unused it lasts 30 days', async () => {
    const { token, expiresAt } = await core.accounts.register({ login: 'ada', password }, '::1')
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    expect(expiresAt).toBe(core.now() + 30 * day)
    const tokenHash = createHash('sha256').update(token).digest('hex')
    expect(await core.store.accounts.findSession(token, core.now())).toBeUndefined()
    expect(await core.store.accounts.findSession(tokenHash, core.now())).toBeDefined()

    expect(await core.accounts.authenticate(token)).toMatchObject({
      user: { login: 'ada' },
      tokenHash,
      expiresAt,
    })
    core.pass(30 * day)
    expect(await core.accounts.authenticate(token)).toBeUndefined()
  })

  test('a session in use is prolonged, at most once a day however much is asked at once', async () => {
    const ada = await core.register('ada')
    let writes = 0
    const accounts = core.accountsWith({
      accounts: {
        ...core.store.accounts,
        prolongSession(...of) {
          writes += 1
          return core.store.accounts.prolongSession(...of)
        },
      },
    })
    const ask = () => accounts.authenticate(ada.token)
    core.pass(day - 1)
    expect(await ask()).toMatchObject({ expiresAt: ada.expiresAt })
    expect(writes).toBe(0)
    core.pass(1)
    await Promise.all(Array.from({ length: 20 }, ask))
    expect(writes).toBe(1)
    expect((await ask())?.expiresAt).toBe(core.now() + 30 * day)
    expect(writes).toBe(1)

    for (let month = 0; month < 3; month += 1) {
      core.pass(30 * day - 1)
      expect(await ask()).toMatchObject({ expiresAt: core.now() + 30 * day, isProlonged: true })
    }
    core.pass(30 * day)
    expect(await ask()).toBeUndefined()
  })

  test('one that ended is prolonged by nobody', async () => {
    const ada = await core.register('ada')
    await core.accounts.signOut(ada)
    core.pass(2 * day)
    expect(await core.accounts.prolong(ada)).toBeUndefined()
    expect(await core.accounts.authenticate(ada.token)).toBeUndefined()
  })

  test('when that cannot be stored, who asks is signed in all the same', async () => {
    const ada = await core.register('ada')
    const accounts = core.accountsWith({
      accounts: {
        ...core.store.accounts,
        prolongSession: () => Promise.reject(new Error('the disk is full')),
      },
    })
    core.pass(2 * day)
    expect(await accounts.authenticate(ada.token)).toMatchObject({ expiresAt: ada.expiresAt })
  })

  test.each(['', 'x', 'A'.repeat(43), 'A'.repeat(100_000), '%00', '\0'])(
    'the token %# of nobody is nobody',
    async (token) => {
      await core.register('ada')
      expect(await core.accounts.authenticate(token)).toBeUndefined()
    },
  )

  test('signing out ends this session and no other', async () => {
    const phone = await core.register('ada')
    const { token } = await core.accounts.signIn({ login: 'ada', password }, '::1')
    await core.accounts.signOut(phone)
    expect(core.endedSessions).toEqual([phone.sessionId])
    expect(await core.accounts.authenticate(phone.token)).toBeUndefined()
    expect(await core.accounts.authenticate(token)).toBeDefined()
  })
})

describe('signing in', () => {
  test('Ada signs in with her login in any case; with a wrong password or login nobody does', async () => {
    const { user } = await core.register('ada')
    const signedIn = await core.accounts.signIn({ login: 'Ada', password }, '::1')
    expect(signedIn.user.id).toBe(user.id)
    for (const request of [
      { login: 'ada', password: `${password} ` },
      { login: 'nobody', password },
      { login: `deleted:${user.id}`, password },
    ]) {
      await expect(core.accounts.signIn(request, '::1')).rejects.toMatchObject({
        code: 'not-signed-in',
        message: 'the login or the password is wrong',
      })
    }
  })

  test('an unknown login costs as much time as a wrong password', async () => {
    await core.register('ada')
    const timeFor = async (login: string) => {
      const before = performance.now()
      await core.accounts.signIn({ login, password: 'wrong password' }, '::1').catch(() => null)
      return performance.now() - before
    }
    // In turn, so that what else the machine does is on both; below the guesses that make it wait.
    let [known, unknown] = [Infinity, Infinity]
    for (let i = 0; i < 4; i++) {
      known = Math.min(known, await timeFor('ada'))
      unknown = Math.min(unknown, await timeFor(`nobody${i}`))
      core.pass(1_000)
    }
    expect(unknown).toBeGreaterThan(known / 3)
    expect(known).toBeGreaterThan(unknown / 3)
  })

  test('after five wrong passwords the login waits longer and longer, and is never locked out', async () => {
    await core.register('ada')
    await core.register('bo')
    const guess = () =>
      core.accounts.signIn({ login: 'ada', password: 'wrong password' }, '::1').then(
        () => undefined,
        (error: AppError) => error,
      )
    for (let i = 0; i < 5; i++) expect((await guess())?.code).toBe('not-signed-in')
    const waits: unknown[] = []
    for (let i = 0; i < 9; i++) {
      const refused = await guess()
      expect(refused?.code).toBe('slow-down')
      const wait = Number(refused?.details['retryAfterMs'])
      waits.push(wait)
      core.pass(wait)
      expect((await guess())?.code).toBe('not-signed-in')
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])

    // Even the right password waits, so that a guess learns nothing; Bo's does not.
    const rightTooSoon = core.accounts.signIn({ login: 'ada', password }, '::1')
    await expect(rightTooSoon).rejects.toMatchObject({ code: 'slow-down' })
    await core.accounts.signIn({ login: 'bo', password }, '::1')
    core.pass(60_000)
    await core.accounts.signIn({ login: 'ada', password }, '::1')
    expect((await guess())?.code).toBe('not-signed-in')
    await core.accounts.signIn({ login: 'ada', password }, '::1')
  })

  test('one address signs in so often a minute', async () => {
    await core.register('ada')
    const attempts = createAttempts({
      registrationsPerMinute: 0,
      signInsPerMinute: 2,
      now: core.now,
    })
    const accounts = core.accountsWith({ attempts })
    await accounts.signIn({ login: 'ada', password }, '1.1.1.1')
    await accounts.signIn({ login: 'ada', password }, '1.1.1.1')
    await expect(accounts.signIn({ login: 'ada', password }, '1.1.1.1')).rejects.toMatchObject({
      code: 'slow-down',
    })
    await accounts.signIn({ login: 'ada', password }, '2.2.2.2')
  })
})

describe('the first room', () => {
  test('everybody who registers joins it; the first of them owns it', async () => {
    const ada = await core.register('ada')
    const bo = await core.register('bo')
    const general = await core.rooms.get(bo, core.generalId)
    expect(general).toMatchObject({ name: 'general', ownerId: ada.user.id, memberCount: 2, seq: 2 })
    expect((await core.rooms.members(bo, core.generalId)).map((user) => user.login)).toEqual([
      'ada',
      'bo',
    ])
  })

  test('a welcome that failed inline is made by its effect, and made once', async () => {
    const broken = createAccountRooms({
      store: core.store,
      steps: { run: () => Promise.reject(new AppError('unavailable', 'no')) },
    })
    const accounts = core.accountsWith({ rooms: broken })
    const { user, token } = await accounts.register({ login: 'ada', password }, '::1')
    expect(await core.accounts.authenticate(token)).toBeDefined()
    expect(await core.store.rooms.isMember(core.generalId, user.id)).toBe(false)

    const [effect] = await core.store.effects.claimDue(core.now() + 10_000, 1, 10)
    expect(effect).toMatchObject({ type: 'account.welcome', payload: { userId: user.id } })
    await core.accountRooms.welcome(user.id)
    await core.accountRooms.welcome(user.id)
    expect(await core.factTypes(core.generalId)).toEqual(['member.joined'])
  })

  test('who left it at once is not brought back by the repeated welcome', async () => {
    const ada = await core.register('ada')
    await core.rooms.removeMember(ada, core.generalId, ada.user.id)
    await core.accountRooms.welcome(ada.user.id)
    expect(await core.store.rooms.isMember(core.generalId, ada.user.id)).toBe(false)
  })

  test('who is gone already is not welcomed', async () => {
    const ada = await core.register('ada')
    await core.rooms.removeMember(ada, core.generalId, ada.user.id)
    await core.accounts.deleteMe(ada, password)
    await core.accountRooms.welcome(ada.user.id)
    await core.accountRooms.welcome('nobody')
    expect(await core.factTypes(core.generalId)).toEqual(['member.joined', 'member.left'])
  })

  test('a deleted first room keeps nobody from registering', async () => {
    const ada = await core.register('ada')
    await core.rooms.delete(ada, core.generalId)
    const bo = await core.register('bo')
    expect(await core.rooms.list(bo, 'mine')).toEqual([])
  })
})

describe('deleting an account', () => {
  test('needs the password, and guessing it is slowed', async () => {
    const ada = await core.register('ada')
    for (let i = 0; i < 5; i++) {
      await expect(core.accounts.deleteMe(ada, 'wrong password')).rejects.toMatchObject({
        code: 'forbidden',
      })
    }
    await expect(core.accounts.deleteMe(ada, password)).rejects.toMatchObject({ code: 'slow-down' })
    expect(await core.accounts.authenticate(ada.token)).toBeDefined()
  })

  test('Ada is out of every room, the oldest of the others owns hers, her sessions end', async () => {
    const ada = await core.register('ada')
    const bo = await core.register('bo')
    const chen = await core.register('chen')
    const { token } = await core.accounts.signIn({ login: 'ada', password }, '::1')
    const second = await core.accounts.authenticate(token)
    const room = await core.rooms.create(ada, { name: 'Ada’s', visibility: 'private' })
    core.pass(1)
    await core.rooms.addMember(ada, room.id, chen.user.id)
    core.pass(1)
    await core.rooms.addMember(ada, room.id, bo.user.id)
    const alone = await core.rooms.create(ada, { name: 'Alone', visibility: 'public' })

    await core.accounts.deleteMe(ada, password)
    expect(new Set(core.endedSessions)).toEqual(new Set([ada.sessionId, second?.sessionId]))
    expect(await core.accounts.authenticate(ada.token)).toBeUndefined()
    expect(await core.accounts.authenticate(token)).toBeUndefined()
    await expect(core.accounts.signIn({ login: 'ada', password }, '::1')).rejects.toMatchObject({
      code: 'not-signed-in',
    })
    expect((await core.rooms.get(bo, core.generalId)).ownerId).toBe(bo.user.id)
    expect(await core.rooms.get(bo, room.id)).toMatchObject({
      ownerId: chen.user.id,
      memberCount: 2,
    })
    expect(await core.rooms.get(bo, alone.id)).toMatchObject({ ownerId: null, memberCount: 0 })
    expect(await core.accounts.search('ada')).toEqual([])
  })

  test('R18 it takes Ada out of a call in the same commit, and ends it when she was the last', async () => {
    const ada = await core.register('ada')
    await core.register('bo')
    await core.joinCall(core.generalId, ada.user.id)
    await core.accounts.deleteMe(ada, password)
    const facts = (await core.facts(core.generalId)).slice(-3)
    expect(facts.map((fact) => fact.type)).toEqual([
      'participant.left',
      'call.ended',
      'member.left',
    ])
    expect(new Set(facts.map((fact) => fact.at)).size).toBe(1)
    expect(await core.call(core.generalId)).toBeNull()
  })

  test('direct messages stay readable, with her name, and without her in their call', async () => {
    const ada = await core.register('ada')
    const bo = await core.register('bo')
    const { room } = await core.rooms.openDm(ada, bo.user.id)
    await core.rooms.post(ada, room.id, { text: 'Good bye' })
    await core.joinCall(room.id, ada.user.id)
    await core.joinCall(room.id, bo.user.id)

    await core.accounts.deleteMe(ada, password)
    expect((await core.call(room.id))?.participants.map((p) => p.displayName)).toEqual(['Bo'])
    expect(await core.rooms.get(bo, room.id)).toMatchObject({ name: 'Ada', memberCount: 2 })
    const { entries, users } = await core.rooms.timeline(bo, room.id, { limit: 50 })
    expect(entries[0]).toMatchObject({ type: 'message.posted', text: 'Good bye' })
    expect(users).toContainEqual({
      id: ada.user.id,
      login: '',
      displayName: 'Ada',
      admin: false,
      deleted: true,
    })
    await expect(core.rooms.openDm(bo, ada.user.id)).rejects.toMatchObject({ code: 'not-found' })
  })

  test('one room that fails keeps her in no other, and the effect does the rest', async () => {
    const ada = await core.register('ada')
    const room = await core.rooms.create(ada, { name: 'Broken', visibility: 'public' })
    const other = await core.rooms.create(ada, { name: 'Other', visibility: 'public' })
    const accounts = core.accountsWith({
      rooms: createAccountRooms({
        store: core.store,
        steps: {
          run: (roomId, needs, decide) =>
            roomId === room.id
              ? Promise.reject(new AppError('unavailable', 'the commit failed'))
              : core.core.mailbox.run(roomId, needs, decide),
        },
      }),
    })
    await expect(accounts.deleteMe(ada, password)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await core.store.rooms.roomIdsOf([ada.user.id])).toEqual(
      new Map([[ada.user.id, [room.id]]]),
    )
    expect(await core.store.rooms.isMember(other.id, ada.user.id)).toBe(false)

    const effects = await core.store.effects.claimDue(core.now() + 10_000, 1, 10)
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'account.depart', payload: { userId: ada.user.id } }),
    )
    await core.accountRooms.depart(ada.user.id)
    expect(await core.store.rooms.isMember(room.id, ada.user.id)).toBe(false)
    const before = await core.facts(room.id)
    await core.accountRooms.depart(ada.user.id)
    expect(await core.facts(room.id)).toEqual(before)
  })

  test('admins delete others, nobody else does, and only once', async () => {
    const ada = await core.register('ada')
    const bo = await core.register('bo')
    await expect(core.accounts.deleteUser(bo, ada.user.id)).rejects.toMatchObject({
      code: 'forbidden',
    })
    await core.accounts.deleteUser(ada, bo.user.id)
    expect(await core.accounts.authenticate(bo.token)).toBeUndefined()
    for (const userId of [bo.user.id, 'nobody']) {
      await expect(core.accounts.deleteUser(ada, userId)).rejects.toMatchObject({
        code: 'not-found',
      })
    }
  })

  test('a deleted login is free, and its next owner is somebody else', async () => {
    const ada = await core.register('ada')
    await core.register('bo')
    await core.accounts.deleteMe(ada, password)
    const again = await core.register('ada')
    expect(again.user.id).not.toBe(ada.user.id)
    expect(again.user.admin).toBe(false)
  })
})

test('people are found by login or name, without regard to case or wildcards', async () => {
  await core.accounts.register({ login: 'ada', password, displayName: 'Countess' }, '::1')
  await core.register('bo')
  const logins = async (query: string) =>
    (await core.accounts.search(query)).map((user) => user.login)
  expect(await logins('')).toEqual(['bo', 'ada'])
  expect(await logins('COUNT')).toEqual(['ada'])
  expect(await logins('bo')).toEqual(['bo'])
  expect(await logins('%')).toEqual([])
})
