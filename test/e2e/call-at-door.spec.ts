/**
 * Issue 10, point 18: a session whose time is over while its person is in a call takes the call from nobody.
 * It goes on behind the door until they sign in again or leave it. With the media server inside.
 */
import { expect, test, type Browser } from '@playwright/test'
import { join } from 'node:path'
import { holdSqlite } from '../support/foreign-sqlite.ts'
import { until } from '../support/until.ts'
import { seriousFindings } from './support/accessible.ts'
import { standingIn, untilConnected, upheavals, watchSignalling } from './support/call-checks.ts'
import { startEmbeddedServer } from './support/embedded-server.ts'
import {
  button,
  callOf,
  hangUp,
  isIn,
  joinCall,
  openRoom,
  password,
  type Person,
} from './support/person.ts'
import { receivedMedia } from './support/received-media.ts'
import { createWorld } from './support/world.ts'

test.setTimeout(240_000)

let adasConnections: Set<string>

const world = createWorld({ start: startEmbeddedServer })
const { people } = world

const door = ({ page }: Person) => page.locator('.call-at-door')

/** The connections that a page asks for from now on: a join that is said again, for the present key, names the same. */
function watchJoins({ page }: Person): Set<string> {
  const connectionIds = new Set<string>()
  page.on('request', (request) => {
    if (!request.url().endsWith('/call/join')) return
    connectionIds.add((request.postDataJSON() as { connectionId: string }).connectionId)
  })
  return connectionIds
}

async function twoTalk(browser: Browser): Promise<[Person, Person]> {
  const [bo, ada] = await world.pair(browser, 'Bo', 'Ada')
  adasConnections = watchJoins(ada)
  for (const person of people) await openRoom(person)
  for (const person of people) await joinCall(person)
  for (const person of people) await hears(person)
  await untilConnected(bo, ['Ada', 'Bo'])
  return [ada, bo]
}

/** From now on. */
async function hears(person: Person): Promise<void> {
  const { energy } = await receivedMedia(person.page)
  await until(`${person.name} hears the other`, 60_000, async () => {
    return (await receivedMedia(person.page)).energy > energy + 0.05
  })
}

/**
 * A session in use is prolonged, so that its time is over only where nobody could do that: the server was
 * away, or its clock wrong. Of that the row is what is left, and Ada’s page hears of it when it comes back.
 */
async function adasTimeIsOver(): Promise<void> {
  await world.server.kill()
  const outsider = await holdSqlite(join(world.server.folder, 'data/chatto.db'), [
    `update sessions set expires_at = 1 where user_id = (select id from users where login = 'ada')`,
  ])
  await outsider.end()
  await world.server.start()
}

async function signInAgain({ page }: Person): Promise<void> {
  await page.getByLabel('Login').fill('ada')
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('link', { name: /^general/ })).toBeVisible()
}

test('Ada’s session is over in mid-call: it goes on at the door with sound both ways, she is told, and signed in again she is in the same call', async ({
  browser,
}) => {
  const [ada, bo] = await twoTalk(browser)
  const before = await callOf(bo)
  const factsBefore = bo.facts.length

  await adasTimeIsOver()
  await expect(door(ada)).toHaveText(
    /Your session is over after a long time\. Your call goes on: .* The others still hear you\./,
    { timeout: 30_000 },
  )
  for (const person of people) await hears(person)
  for (const width of [1280, 390, 320]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await ada.page.setViewportSize({ width, height: 844 })
      await ada.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      expect(await seriousFindings(ada.page), `${colorScheme}, ${width} wide`).toEqual([])
    }
    const wide = await ada.page.evaluate(() => document.documentElement.scrollWidth)
    expect(wide).toBe(width)
    await expect(button(ada, 'Leave call')).toBeInViewport()
  }
  await ada.page.setViewportSize({ width: 1280, height: 800 })

  await signInAgain(ada)
  await isIn(ada)
  for (const person of people) await hears(person)
  await untilConnected(bo, ['Ada', 'Bo'])
  const after = await callOf(bo)
  expect(after.callId).toBe(before.callId)
  // The very connection that she had, and nobody reads that somebody came or went.
  expect([...adasConnections]).toHaveLength(1)
  expect(after.participants).toEqual(before.participants)
  expect(upheavals(bo.facts.slice(factsBefore))).toEqual([])
})

test('at the door Ada, who is muted, is not told that she is heard; she hangs up there, and signed in again she is in no call', async ({
  browser,
}) => {
  const [ada, bo] = await twoTalk(browser)
  await button(ada, 'Mute microphone').click()
  await expect(button(ada, 'Unmute microphone')).toBeVisible()
  const signalling = watchSignalling(ada.page)
  await adasTimeIsOver()
  await expect(door(ada)).toContainText('Your call goes on', { timeout: 30_000 })
  await expect(door(ada)).not.toContainText('The others still hear you.')
  await until('her page speaks with the media server again', 30_000, () => signalling.isUp())

  await hangUp(ada)
  await expect(door(ada)).toHaveText('Your call has ended.')
  await expect(button(ada, 'Leave call')).toBeHidden()
  // Nobody is signed in who could say so to our server: it learns of it by LiveKit, after the doubt of R34.
  await until('Bo is alone in the call', 40_000, async () => {
    return (await standingIn(bo)) === 'Bo connected'
  })
  await signInAgain(ada)
  await openRoom(ada)
  await expect(button(ada, 'Join call')).toBeVisible()
  await isIn(bo)
})
