/** Issue 4, point 5: with the media server inside, either process is killed (-9) while two people talk. */
import { expect, test, type Browser } from '@playwright/test'
import { until } from '../support/until.ts'
import {
  grows,
  isEncrypted,
  standingIn,
  talk,
  untilConnected,
  upheavals,
  watchSignalling,
} from './support/call-checks.ts'
import { startEmbeddedServer } from './support/embedded-server.ts'
import { historyOf, roomOf, turnCameraOn, type Person } from './support/person.ts'
import { expectWithin, keptWithin, report } from './support/promises.ts'
import { flowOf, watchFlow } from './support/watch-flow.ts'
import { createWorld } from './support/world.ts'

test.setTimeout(400_000)

const world = createWorld({ start: startEmbeddedServer })
const { people } = world
let browsers: Browser[] = []
test.afterEach(async () => {
  for (const browser of browsers) await browser.close()
  browsers = []
})

/**
 * Each has a browser of their own, as people have: two pages of one browser that open its one made-up
 * camera again at the same moment may both get no picture of it.
 */
async function twoTalk(launch: () => Promise<Browser>): Promise<[Person, Person]> {
  browsers = [await launch(), await launch()]
  const [first, second] = browsers as [Browser, Browser]
  const ada = await world.come(first, 'Ada')
  const bo = await world.come(second, 'Bo')
  await talk(people)
  await untilConnected(ada, ['Ada', 'Bo'])
  return [ada, bo]
}

test('R49 the web process is killed and started again: sound and picture go on, the call and its log are as before, signalling comes back', async ({
  playwright,
  launchOptions,
}) => {
  const [ada, bo] = await twoTalk(() => playwright.chromium.launch(launchOptions))
  const before = await roomOf(ada)
  const history = await historyOf(ada)
  const { mediaPid } = world.server
  const signalling = people.map(({ page }) => watchSignalling(page))
  for (const { facts } of people) facts.length = 0
  for (const { page } of people) await watchFlow(page)

  await world.server.kill()
  const down = [await grows(ada), await grows(bo)]
  await world.server.start()
  expect(world.server.mediaPid).toBe(mediaPid)
  await until('both signal again', 40_000, () => signalling.every((each) => each.isUp()))
  // Long enough for every doubt to fall due.
  for (const [index, person] of people.entries()) await grows(person, down[index], 250)

  for (const { name, page } of people) {
    const flow = await flowOf(page)
    report(`${name} while the web process was away`, JSON.stringify(flow))
    expectWithin(
      `${name}’s longest gap in the picture`,
      Math.min(flow.pictureGapMs, flow.frozenMs),
      1000,
    )
  }
  const after = await roomOf(ada)
  expect(after.call?.callId).toBe(before.call?.callId)
  expect(after.call?.participants).toEqual(before.call?.participants)
  expect(await historyOf(ada)).toEqual(history)
  expect(people.flatMap(({ facts }) => upheavals(facts))).toEqual([])
  // What one says now is heard: the signalling that came back works.
  await ada.page.getByRole('button', { name: 'Turn camera off' }).click()
  await expect(ada.page.getByRole('button', { name: 'Turn camera on' })).toBeVisible()
  await turnCameraOn(ada)
  await grows(bo)
  for (const person of people) await isEncrypted(person)
  for (const { violations } of people) expect(violations).toEqual([])
})

test('R20 R31 the media process is killed: both are back in the same call within 10 s, each of them one participant throughout', async ({
  playwright,
  launchOptions,
}) => {
  const [ada] = await twoTalk(() => playwright.chromium.launch(launchOptions))
  const before = await roomOf(ada)
  const history = await historyOf(ada)
  const { mediaPid } = world.server
  for (const { facts } of people) facts.length = 0
  for (const { page } of people) await watchFlow(page)

  const standings = new Set<string>()
  world.server.killMedia()
  const killedAt = performance.now()
  await until('another media process runs', 30_000, () => world.server.mediaPid !== mediaPid)
  report('another media process runs', `after ${Math.round(performance.now() - killedAt)} ms`)
  // What was decoded before stands still; then it begins anew.
  await until('the old pictures stand still', 5_000, async () => {
    const flows = await Promise.all(people.map(({ page }) => flowOf(page)))
    return flows.every(({ sinceFrameMs }) => sinceFrameMs > 400)
  })
  await keptWithin(
    'both see each other again',
    10_000,
    async () => {
      standings.add(await standingIn(ada))
      const flows = await Promise.all(people.map(({ page }) => flowOf(page)))
      return flows.every(({ sinceFrameMs }) => sinceFrameMs < 400)
    },
    killedAt,
  )
  await untilConnected(ada, ['Ada', 'Bo'])
  for (const person of people) await grows(person, undefined, 60)
  for (const { name, page } of people) {
    report(`${name} while the media process was away`, JSON.stringify(await flowOf(page)))
  }

  report('standings', [...standings].join(' | '))
  for (const standing of standings) {
    expect(standing).toMatch(/^Ada (connected|reconnecting),Bo (connected|reconnecting)$/)
  }
  const after = await roomOf(ada)
  expect(after.call?.callId).toBe(before.call?.callId)
  expect(await historyOf(ada)).toEqual(history)
  expect(people.flatMap(({ facts }) => upheavals(facts))).toEqual([])
  for (const person of people) await isEncrypted(person)
  for (const { violations } of people) expect(violations).toEqual([])
})
