import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import type { NewEffect } from '../../persistence/store.ts'
import { t0 } from './room-commits.ts'
import type { TestDatabase } from './test-database.ts'

const open = { mayBeFirst: true, effects: [] }
const person = (login: string, displayName = login) => ({
  id: `id of ${login}`,
  login,
  displayName,
  createdAt: t0,
})
const effect = (effectId: string): NewEffect => ({
  effectId,
  roomId: null,
  type: 'account.depart',
  payload: { effectId },
  dueAt: t0,
})
const session = (name: string, userId: string, more = {}) => ({
  tokenHash: `hash of ${name}`,
  sessionId: name,
  userId,
  createdAt: t0,
  expiresAt: t0 + 1_000,
  ...more,
})

/** Who has an account, and who is signed in. */
export function accountsContract(database: TestDatabase): void {
  const accounts = () => database.store.accounts

  test('the first person is admin, and of two at once in two processes exactly one', async () => {
    const other = await database.another()
    const [ada, bo] = await Promise.all([
      accounts().register(person('ada'), 'hash', open),
      other.accounts.register(person('bo'), 'hash', open),
    ])
    const admins = [ada, bo].map((user) => typeof user === 'object' && user.admin)
    expect(admins.toSorted()).toEqual([false, true])
    expect(await accounts().register(person('chen'), 'hash', open)).toMatchObject({ admin: false })
    expect(await accounts().count()).toBe(3)
  })

  test('without the setup code nobody is the first, and nothing of them is kept', async () => {
    const closed = { mayBeFirst: false, effects: [effect('welcome')] }
    expect(await accounts().register(person('ada'), 'hash', closed)).toBe('setup-code-needed')
    expect(await accounts().count()).toBe(0)
    expect(await database.store.effects.nextDueAt()).toBeNull()

    expect(await accounts().register(person('ada'), 'hash', open)).toEqual({
      ...person('ada'),
      admin: true,
      deletedAt: null,
    })
    // The first one is there: the code is not needed any more.
    const bo = await accounts().register(person('bo'), 'hash', closed)
    expect(bo).toMatchObject({ admin: false })
    expect(await database.store.effects.nextDueAt()).toBe(t0)
  })

  test('a login is one person: found with the hash of the password', async () => {
    await accounts().register(person('ada', 'Ada L.'), 'argon', open)
    const again = { ...person('ada'), id: 'somebody else' }
    expect(await accounts().register(again, 'other', open)).toBe('login-taken')
    const ada = { ...person('ada', 'Ada L.'), admin: true, deletedAt: null, passwordHash: 'argon' }
    expect(await accounts().findByLogin('ada')).toEqual(ada)
    expect(await accounts().findByLogin('bo')).toBeUndefined()
    expect(await accounts().findUser('id of ada')).toEqual(ada)
    expect(await accounts().findUser('id of bo')).toBeUndefined()
    const { passwordHash: _, ...record } = ada
    expect(await accounts().users(['id of ada', 'id of bo'])).toEqual([record])
    expect(await accounts().users([])).toEqual([])
  })

  test('a deleted account keeps its name, and frees its login', async () => {
    await accounts().register(person('ada', 'Ada L.'), 'argon', open)
    await accounts().openSession(session('s1', 'id of ada'))
    const before = await database.store.rooms.now()
    expect(await accounts().deleteUser('id of ada', t0 + 5, [effect('depart')])).toBe(true)

    expect(await accounts().findByLogin('ada')).toBeUndefined()
    const gone = await accounts().findUser('id of ada')
    expect(gone).toMatchObject({
      displayName: 'Ada L.',
      deletedAt: t0 + 5,
      passwordHash: null,
    })
    expect(gone?.login).not.toBe('ada')
    expect(await accounts().findByLogin(gone?.login ?? '')).toBeUndefined()
    expect(await accounts().findSession('hash of s1', t0)).toBeUndefined()
    expect(await accounts().sessionsEndedSince(before)).toEqual(['s1'])
    expect(await database.store.effects.nextDueAt()).toBe(t0)

    expect(await accounts().deleteUser('id of ada', t0 + 9, [])).toBe(false)
    expect(await accounts().deleteUser('nobody', t0 + 9, [])).toBe(false)
    const next = { ...person('ada'), id: 'another Ada' }
    expect(await accounts().register(next, 'new', open)).toMatchObject({ id: 'another Ada' })
  })

  test('people are found by a part of their name or login, whatever its case and its signs', async () => {
    await accounts().register(person('ada', 'Ada Lovelace'), 'hash', open)
    await accounts().register(person('aenne', 'Änne 100%'), 'hash', open)
    await accounts().register(person('bo_b', 'Bo \\ ? $1'), 'hash', open)
    await accounts().register(person('chen', 'Chen'), 'hash', open)
    await accounts().deleteUser('id of chen', t0, [])
    const find = async (query: string, limit = 10) =>
      (await accounts().search(query, limit)).map(({ login }) => login)

    expect(await find('LOVE')).toEqual(['ada'])
    expect(await find('änNE')).toEqual(['aenne'])
    expect(await find('ÄNNE')).toEqual(['aenne'])
    expect(await find('AENNE')).toEqual(['aenne'])
    expect(await find('%')).toEqual(['aenne'])
    expect(await find('_')).toEqual(['bo_b'])
    expect(await find('\\')).toEqual(['bo_b'])
    expect(await find('?')).toEqual(['bo_b'])
    expect(await find('chen')).toEqual([])
    expect(await find('a\0da')).toEqual(['ada'])
    expect(await find('')).toEqual(['ada', 'bo_b', 'aenne'])
    expect(await find('', 2)).toEqual(['ada', 'bo_b'])
  })

  test('a session counts until it expires or ends, in every process', async () => {
    const other = await database.another()
    await accounts().register(person('ada'), 'hash', open)
    await accounts().openSession(session('s1', 'id of ada'))
    await accounts().openSession(session('s2', 'id of ada', { expiresAt: t0 + 10 }))

    expect(await other.accounts.findSession('hash of s1', t0)).toEqual({
      session: session('s1', 'id of ada'),
      user: { ...person('ada'), admin: true, deletedAt: null },
    })
    expect(await other.accounts.findSession('hash of s2', t0 + 10)).toBeUndefined()
    expect(await other.accounts.findSession('hash of s3', t0)).toBeUndefined()

    const before = await other.rooms.now()
    await accounts().endSession('hash of s1', t0)
    await accounts().endSession('hash of s1', t0 + 1)
    expect(await other.accounts.findSession('hash of s1', t0)).toBeUndefined()
    expect(await other.accounts.sessionsEndedSince(before)).toEqual(['s1'])
    expect(await other.accounts.sessionsEndedSince(before + 60_000)).toEqual([])
  })

  test('sessions that are long over are forgotten', async () => {
    await accounts().register(person('ada'), 'hash', open)
    const soon = (await database.store.rooms.now()) + 60_000
    await accounts().openSession(session('old', 'id of ada'))
    await accounts().openSession(session('ended', 'id of ada', { expiresAt: soon * 2 }))
    await accounts().openSession(session('living', 'id of ada', { expiresAt: soon * 2 }))
    await accounts().endSession('hash of ended', t0)

    await accounts().purgeSessions(t0 + 1_001, 10)
    expect(await accounts().sessionsEndedSince(0)).toEqual(['ended'])
    expect(await accounts().findSession('hash of old', t0)).toBeUndefined()
    await accounts().purgeSessions(soon, 10)
    expect(await accounts().sessionsEndedSince(0)).toEqual([])
    expect(await accounts().findSession('hash of living', t0)).toBeDefined()
  })

  test('R5 an error tells nothing of the account that it is about', async () => {
    await accounts().register(person('ada'), 'argon2id-one', open)
    const error: unknown = await accounts()
      .register({ ...person('bo'), id: 'id of ada' }, 'argon2id-two', open)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/argon2id/)
  })
}
