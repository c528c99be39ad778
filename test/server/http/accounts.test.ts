/** Accounts over HTTP, as browsers and other clients have them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { goodPassword, runApp, type Person, type RunningApp } from '../../support/running-app.ts'

let app: RunningApp
let ada: Person
let bo: Person
beforeAll(async () => {
  app = await runApp()
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
})
afterAll(() => app.close())

const register = (body: object, headers = {}) =>
  app.ask('POST', '/api/auth/register', { body, headers })
const logIn = (body: object, headers = {}) => app.ask('POST', '/api/auth/login', { body, headers })

describe('registering', () => {
  test('Ada, the first, is admin; Bo is not; both find themselves in general', async () => {
    expect(ada.user).toEqual({ id: ada.id, login: 'ada', displayName: 'Ada', admin: true })
    expect(bo.user.admin).toBe(false)
    const { rooms } = await bo.get<{ rooms: object[] }>('/api/rooms')
    expect(rooms).toMatchObject([
      { name: 'general', kind: 'room', visibility: 'public', ownerId: ada.id, call: null },
    ])
  })

  test('201 with the token, and with the same one as a cookie that no script can read', async () => {
    const answer = await register({ login: 'Cleo', password: goodPassword, displayName: ' Cleo ' })
    expect(answer.status).toBe(201)
    const { user, token } = answer.body as { user: object; token: string }
    expect(user).toMatchObject({ login: 'cleo', displayName: 'Cleo', admin: false })
    const [cookie = ''] = answer.headers['set-cookie'] ?? []
    expect(cookie).toMatch(
      /^chatto_session=[\w-]{43}; Path=\/; Expires=.*; HttpOnly; SameSite=Lax$/,
    )
    expect(cookie).toContain(token)
  })

  test('409 for a login that is taken, in any case', async () => {
    const answer = await register({ login: 'ADA', password: goodPassword })
    expect(answer.status).toBe(409)
    expect(answer.body).toMatchObject({ error: { code: 'conflict' } })
  })

  test.each([
    ['login', { login: 'a', password: goodPassword }],
    ['login', { login: 'a'.repeat(33), password: goodPassword }],
    ['login', { login: 'with space', password: goodPassword }],
    ['login', { password: goodPassword }],
    ['password', { login: 'dana', password: 'short' }],
    ['password', { login: 'dana', password: 'x'.repeat(257) }],
    ['password', { login: 'dana', password: 12345678 }],
    ['displayName', { login: 'dana', password: goodPassword, displayName: '' }],
    ['displayName', { login: 'dana', password: goodPassword, displayName: 'x'.repeat(65) }],
    ['admin', { login: 'dana', password: goodPassword, admin: true }],
  ])('400 that names %s: %j', async (field, body) => {
    const answer = await register(body)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ error: { code: 'invalid-request', details: { field } } })
  })
})

describe('signing in and out', () => {
  test('with the cookie alone Ada is herself; after signing out she is nobody', async () => {
    const answer = await logIn({ login: 'Ada', password: goodPassword })
    expect(answer.status).toBe(200)
    const { token } = answer.body as { token: string }
    const cookie = `other=1; chatto_session=${token}; more=2`
    const me = await app.ask('GET', '/api/me', { headers: { cookie } })
    expect(me.body).toEqual({ user: ada.user })

    const origin = app.url
    const out = await app.ask('POST', '/api/auth/logout', { headers: { cookie, origin } })
    expect(out.status).toBe(204)
    expect(out.headers['set-cookie']?.[0]).toMatch(/^chatto_session=; .*Expires=Thu, 01 Jan 1970/)
    expect((await app.ask('GET', '/api/me', { headers: { cookie } })).status).toBe(401)
    expect((await ada.ask('GET', '/api/me')).status).toBe(200)
  })

  test('401, the same for a wrong password and for nobody', async () => {
    const wrong = await logIn({ login: 'ada', password: 'not it at all' })
    const nobody = await logIn({ login: 'nobody', password: 'not it at all' })
    expect([wrong.status, nobody.status]).toEqual([401, 401])
    expect(wrong.body).toEqual(nobody.body)
  })

  test.each([
    ['no header', {}],
    ['an unknown token', { authorization: 'Bearer AAAA' }],
    ['a token twice as long as any', { authorization: `Bearer ${'a'.repeat(4000)}` }],
    ['another scheme', { authorization: 'Basic YWRhOmFkYQ==' }],
    ['an empty bearer', { authorization: 'Bearer ' }],
    ['an unknown cookie', { cookie: 'chatto_session=AAAA' }],
  ])('401 not-signed-in with %s', async (_name, headers) => {
    const answer = await app.ask('GET', '/api/me', { headers })
    expect(answer.status).toBe(401)
    expect(answer.body).toMatchObject({ error: { code: 'not-signed-in' } })
  })

  test('429 with Retry-After past the limits of an address, of a person, and of a login', async () => {
    let at = 1_800_000_000_000
    const strict = await runApp({
      now: () => at,
      env: {
        CHATTO_LIMITS_REGISTRATIONS_PER_MINUTE: '2',
        CHATTO_LIMITS_SIGN_INS_PER_MINUTE: '8',
        CHATTO_LIMITS_REQUESTS_PER_SECOND: '10',
      },
    })
    try {
      const ivo = await strict.signUp('ivo')
      await strict.signUp('eve')
      const third = await strict.ask('POST', '/api/auth/register', {
        body: { login: 'mia', password: goodPassword },
      })
      expect(third.status).toBe(429)
      expect(Number(third.headers['retry-after'])).toBeGreaterThan(0)

      const many = await Promise.all(Array.from({ length: 40 }, () => ivo.ask('GET', '/api/me')))
      const refused = many.filter((answer) => answer.status === 429)
      expect(refused.length).toBeGreaterThanOrEqual(20)
      expect(refused[0]?.body).toMatchObject({ error: { code: 'slow-down' } })
      expect(refused[0]?.headers['retry-after']).toBe('1')

      const guess = () =>
        strict.ask('POST', '/api/auth/login', { body: { login: 'eve', password: 'guess' } })
      for (let i = 0; i < 5; i++) expect((await guess()).status).toBe(401)
      expect((await guess()).status).toBe(429)
      at += 60_000
      const right = { login: 'eve', password: goodPassword }
      const signedIn = await strict.ask('POST', '/api/auth/login', { body: right })
      expect(signedIn.status).toBe(200)
      // The address has used up its own limit meanwhile.
      expect((await guess()).status).toBe(401)
      expect((await guess()).status).toBe(429)
    } finally {
      await strict.close()
    }
  })
})

describe('people', () => {
  test('are found by login or name', async () => {
    const { users } = await bo.get<{ users: object[] }>('/api/users?query=ad')
    expect(users).toEqual([ada.user])
  })

  test('400 for a query that is too long, given twice, unknown or wrongly encoded', async () => {
    const bad = [`query=${'a'.repeat(65)}`, 'query=a&query=b', 'name=a', 'query=%ff', 'query=%00']
    for (const query of bad) {
      const answer = await bo.ask('GET', `/api/users?${query}`)
      expect(`${query}: ${answer.status}`).toBe(`${query}: 400`)
    }
  })

  test('only an admin deletes others: 403, 204, then 404', async () => {
    const dan = await app.signUp('dan')
    expect((await bo.ask('DELETE', `/api/users/${dan.id}`)).status).toBe(403)
    expect((await ada.ask('DELETE', `/api/users/${dan.id}`)).status).toBe(204)
    expect((await dan.ask('GET', '/api/me')).status).toBe(401)
    expect((await ada.ask('DELETE', `/api/users/${dan.id}`)).status).toBe(404)
    expect((await ada.ask('DELETE', '/api/users/%2e%2e')).status).toBe(404)
  })

  test('R18 Eve deletes herself: 403 with a wrong password, then gone from room and call', async () => {
    const eve = await app.signUp('eve')
    const room = await bo.makeRoom('with Eve')
    await eve.enter(room)
    await bo.join(room)
    await eve.join(room)
    const wrong = await eve.ask('DELETE', '/api/me', { password: 'not it at all' })
    expect(wrong.status).toBe(403)
    const gone = await eve.ask('DELETE', '/api/me', { password: goodPassword })
    expect(gone.status).toBe(204)
    expect(gone.headers['set-cookie']?.[0]).toMatch(/^chatto_session=;/)
    expect((await eve.ask('GET', '/api/me')).status).toBe(401)
    expect(await bo.get(`/api/rooms/${room.id}`)).toMatchObject({
      memberCount: 1,
      call: { participants: [{ userId: bo.id }] },
    })
  })

  test('direct messages of somebody who is gone stay readable', async () => {
    const mia = await app.signUp('mia')
    const { id } = await mia.post<{ id: string }>('/api/dms', { userId: bo.id })
    await mia.say(id, 'remember me')
    await mia.ask('DELETE', '/api/me', { password: goodPassword })
    const { entries, users } = await bo.get<{ entries: object[]; users: object[] }>(
      `/api/rooms/${id}/timeline`,
    )
    expect(entries).toMatchObject([{ type: 'message.posted', text: 'remember me', by: mia.id }])
    expect(users).toEqual([
      { id: mia.id, login: '', displayName: 'Mia', admin: false, deleted: true },
    ])
  })
})

test('the first person of a server that others can reach needs the setup code', async () => {
  const reachable = await runApp({ env: { CHATTO_WEBSERVER_HOST: '0.0.0.0' } })
  try {
    const body = { login: 'ada', password: goodPassword }
    const without = await reachable.ask('POST', '/api/auth/register', { body })
    expect(without.status).toBe(403)
    expect(without.body).toMatchObject({ error: { details: { setupCodeNeeded: true } } })
    const setupCode = reachable.setupCode ?? ''
    expect(setupCode).toMatch(/^[0-9a-f]{12}$/)
    expect((await reachable.signUp('ada', { setupCode })).user.admin).toBe(true)
    expect((await reachable.signUp('bo')).user.admin).toBe(false)
  } finally {
    await reachable.close()
  }
})
