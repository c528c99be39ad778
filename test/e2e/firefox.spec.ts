/// <reference lib="dom" />
/**
 * The core of a call between Firefox and Chromium, on each media server: Fay has the one, Ada the other.
 */
import { expect, test, type Browser, type Page } from '@playwright/test'
import { findLivekitServer } from '../support/livekit-server.ts'
import { until } from '../support/until.ts'
import { grows, isEncrypted, untilConnected } from './support/call-checks.ts'
import { startEmbeddedServer } from './support/embedded-server.ts'
import { launchFirefox, missingFirefox, shareTabAsScreen } from './support/firefox.ts'
import {
  hangUp,
  isIn,
  joinCall,
  openRoom,
  roomOf,
  turnCameraOn,
  type Person,
} from './support/person.ts'
import { receivedMedia } from './support/received-media.ts'
import { joinRoom, makeRoom } from './support/rooms.ts'
import { createWorld, startWithLivekit } from './support/world.ts'

const missing = missingFirefox()
test.skip(missing !== null, missing ?? '')
test.setTimeout(240_000)

let firefox: Browser
const world = createWorld()
const { people } = world

test.beforeAll(async () => {
  firefox = await launchFirefox()
})
test.afterAll(() => firefox.close())

const button = ({ page }: Person, name: string) =>
  page.getByRole('toolbar', { name: 'Call' }).getByRole('button', { name })
const tileOf = ({ name }: Person, watcher: Person) =>
  watcher.page.getByRole('main').locator('.tile').filter({ hasText: name })

/** Both hear and see each other, beyond what they had before. */
async function bothGrow(pair: readonly Person[]): Promise<void> {
  const before = await Promise.all(pair.map(({ page }) => receivedMedia(page)))
  await Promise.all(pair.map((person, index) => grows(person, before[index])))
}

/** Pixels that the page as a whole is larger than its window. */
function overflowOf(page: Page): Promise<[number, number]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement
    return [scrollWidth - clientWidth, scrollHeight - clientHeight]
  })
}

async function mutesAndUnmutes(speaker: Person, listener: Person): Promise<void> {
  await button(speaker, 'Mute microphone').click()
  await expect(tileOf(speaker, listener)).toHaveText(/muted/)
  await button(speaker, 'Unmute microphone').click()
  await expect(tileOf(speaker, listener)).not.toHaveText(/muted/)
}

async function turnsCameraOffAndOn(person: Person, watcher: Person): Promise<void> {
  const pictures = watcher.page.locator('.tile video')
  const before = await pictures.count()
  await button(person, 'Turn camera off').click()
  await expect(pictures).toHaveCount(before - 1)
  await turnCameraOn(person)
  await expect(pictures).toHaveCount(before)
}

async function sharesScreen(person: Person, watcher: Person): Promise<void> {
  const picture = watcher.page.getByText(`${person.name}’s screen`)
  await button(person, 'Share screen').click()
  await expect(picture).toBeVisible()
  await grows(watcher, await receivedMedia(watcher.page))
  await person.page.getByRole('toolbar').getByRole('button', { name: 'Stop sharing' }).click()
  await expect(picture).toBeHidden()
}

for (const { carrier, start, skip } of [
  { carrier: 'the embedded media server', start: startEmbeddedServer, skip: null },
  {
    carrier: 'livekit-server',
    start: startWithLivekit,
    skip: ((found) => ('missing' in found ? found.missing : null))(findLivekitServer()),
  },
]) {
  test(`Fay in Firefox and Ada in Chromium call each other over ${carrier}: heard, seen, encrypted, whoever comes first, and over a new key`, async ({
    browser,
  }) => {
    test.skip(skip !== null, skip ?? '')
    await world.serve(start)
    const ada = await world.come(browser, 'Ada')
    const fay = await world.come(firefox, 'Fay')
    const cleo = await world.come(browser, 'Cleo')
    const pair = [ada, fay]
    // Firefox shows a scroll bar for every pixel too much.
    for (const { page } of pair) expect(await overflowOf(page)).toEqual([0, 0])
    await shareTabAsScreen(fay.context)

    await test.step('Fay comes first', async () => {
      await fay.page.reload()
      for (const person of pair) await openRoom(person)
      await joinCall(fay)
      await joinCall(ada)
      for (const person of [fay, ada]) await turnCameraOn(person)
      await bothGrow(pair)
      for (const person of pair) await isEncrypted(person)
      await untilConnected(ada, ['Ada', 'Fay'])
    })
    await test.step('each mutes, turns the camera off and shares a screen', async () => {
      await mutesAndUnmutes(fay, ada)
      await mutesAndUnmutes(ada, fay)
      await turnsCameraOffAndOn(fay, ada)
      await turnsCameraOffAndOn(ada, fay)
      await bothGrow(pair)
      await sharesScreen(fay, ada)
      await bothGrow(pair)
    })
    await test.step('Fay reloads', async () => {
      await fay.page.reload()
      await isIn(fay)
      await expect(button(fay, 'Turn camera off')).toBeVisible()
      await bothGrow(pair)
    })
    await test.step('Ada comes first, and Cleo is removed in mid-call', async () => {
      for (const person of pair) await hangUp(person)
      await until('the call is over', 10_000, async () => (await roomOf(ada)).call === null)
      await makeRoom(ada.page, 'Release')
      for (const person of [fay, cleo]) await joinRoom(person.page, 'Release')
      for (const person of [ada, fay, cleo]) await joinCall(person)
      for (const person of pair) await turnCameraOn(person)
      await untilConnected(ada, ['Ada', 'Cleo', 'Fay'], { room: 'Release' })
      await bothGrow(pair)
      const { id, call } = await roomOf(ada, 'Release')
      const removed = call?.participants.find(({ displayName }) => displayName === 'Cleo')
      await ada.page.evaluate(
        (path) => fetch(path, { method: 'DELETE' }),
        `/api/rooms/${id}/members/${removed?.userId}`,
      )
      await untilConnected(ada, ['Ada', 'Fay'], { room: 'Release' })
      // Long enough for senders to have switched, and for whoever could not follow to show it.
      const before = await Promise.all(pair.map(({ page }) => receivedMedia(page)))
      for (const [index, person] of pair.entries()) await grows(person, before[index], 60)
      for (const person of pair) await isEncrypted(person)
    })
    for (const { violations } of people) expect(violations).toEqual([])
  })
}
