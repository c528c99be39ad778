import { afterAll, beforeAll, expect, test } from 'vitest'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'

/** A browser forgets a cookie when its time is over, however long the session lasts here. */
const day = 24 * 3600_000
let at = 1_800_000_000_000
let app: RunningApp
let ada: Person
beforeAll(async () => {
  app = await runApp({ now: () => at })
  ada = await app.signUp('ada')
})
afterAll(() => app.close())

/** Until when the browser keeps the cookie that comes with the answer; null when there is none. */
async function keptUntil(method: string, path: string): Promise<number | null> {
  const headers = { cookie: `chatto_session=${ada.token}`, origin: app.url }
  const answer = await app.ask(method, path, { headers })
  expect(answer.status).toBeLessThan(300)
  const [cookie] = answer.headers['set-cookie'] ?? []
  if (cookie === undefined) return null
  if (!cookie.startsWith(`chatto_session=${ada.token};`)) return 0
  expect(cookie).toContain('HttpOnly')
  return Date.parse(/Expires=([^;]+)/.exec(cookie)?.[1] ?? '')
}

test('whoever comes back after a day has a cookie for 30 days again, once', async () => {
  expect(await keptUntil('GET', '/api/rooms')).toBeNull()
  at += day
  expect(await keptUntil('GET', '/api/rooms')).toBe(at + 30 * day)
  expect(await keptUntil('GET', '/api/rooms')).toBeNull()
  at += 29 * day
  expect(await keptUntil('GET', '/api/rooms')).toBe(at + 30 * day)
})

test('a page that asks who it is gets its cookie again: an answer with it may have been lost', async () => {
  expect(await keptUntil('GET', '/api/me')).toBe(at + 30 * day)
})

test('a client with a token of its own gets no cookie', async () => {
  at += 2 * day
  expect((await ada.ask('GET', '/api/me')).headers['set-cookie']).toBeUndefined()
})

test('signing out after a long time takes the cookie away', async () => {
  at += 2 * day
  expect(await keptUntil('POST', '/api/auth/logout')).toBe(0)
})
