/** LiveKit is away, shortly and for long: everybody comes back as they were, and never more open than that. */
import { expect, test, type Browser } from '@playwright/test'
import { grows, talk, untilConnected } from './support/call-checks.ts'
import { button, patiently, type Person } from './support/person.ts'
import { createWorld, skipWithoutLivekit, startWithLivekit } from './support/world.ts'

skipWithoutLivekit()
test.setTimeout(400_000)

const world = createWorld({ start: startWithLivekit })

/** Ada has everything on and shares; Bo has a camera and is muted. */
async function twoTalk(browser: Browser): Promise<[Person, Person]> {
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  await talk(world.people)
  await untilConnected(ada, ['Ada', 'Bo'])
  await button(bo, 'Mute microphone').click()
  await expect(button(bo, 'Unmute microphone')).toBeVisible()
  await button(ada, 'Share screen').click()
  await expect(bo.page.getByText('Ada’s screen')).toBeVisible(patiently)
  return [ada, bo]
}

/** What each of them has on, as they see it and as the other one gets it. */
async function areAsTheyWere(ada: Person, bo: Person): Promise<void> {
  for (const person of [ada, bo]) {
    await expect(person.page.getByText('Connection lost.')).toBeHidden({ timeout: 90_000 })
    await expect(button(person, 'Turn camera off')).toBeVisible({ timeout: 30_000 })
  }
  await expect(button(ada, 'Mute microphone')).toBeVisible()
  await expect(button(bo, 'Unmute microphone')).toBeVisible()
  await untilConnected(ada, ['Ada', 'Bo'])
  // Bo hears Ada; nobody hears Bo.
  await grows(bo)
  const heard = await ada.page.evaluate(() =>
    [...document.querySelectorAll('audio')].flatMap((element) => {
      const stream = element.srcObject
      return stream instanceof MediaStream ? stream.getAudioTracks().map(({ muted }) => muted) : []
    }),
  )
  expect(heard.filter((muted) => !muted)).toEqual([])
}

test('F15 F19 LiveKit is away for a moment: Ada’s screen is shown on, and her button says how to stop it', async ({
  browser,
}) => {
  const [ada, bo] = await twoTalk(browser)
  await world.server.livekit.kill()
  await expect(ada.page.getByText('Connection lost.')).toBeVisible({ timeout: 30_000 })
  await world.server.livekit.restart()
  await areAsTheyWere(ada, bo)
  await expect(bo.page.getByText('Ada’s screen')).toBeVisible(patiently)
  await expect(
    ada.page.getByRole('toolbar').getByRole('button', { name: 'Stop sharing' }),
  ).toBeVisible()
  await ada.page.getByRole('toolbar').getByRole('button', { name: 'Stop sharing' }).click()
  await expect(bo.page.getByText('Ada’s screen')).toBeHidden()
})

test('F15 F19 LiveKit is away until its client gives up: both come back with what they had on, who was muted stays so, and the lost screen is told of', async ({
  browser,
}) => {
  const [ada, bo] = await twoTalk(browser)
  // Each page joins anew once LiveKit’s client has given up.
  const rejoins = [ada, bo].map(({ page }) =>
    page.waitForRequest((request) => request.url().endsWith('/call/join'), { timeout: 120_000 }),
  )
  await world.server.livekit.kill()
  await Promise.all(rejoins)
  await world.server.livekit.restart()
  await areAsTheyWere(ada, bo)
  await expect(ada.page.getByText('Your screen is no longer shared.')).toBeVisible()
  await expect(bo.page.getByText('Ada’s screen')).toBeHidden()
  await button(ada, 'Share again').click()
  await expect(bo.page.getByText('Ada’s screen')).toBeVisible(patiently)
  await expect(ada.page.getByText('Your screen is no longer shared.')).toBeHidden()
})
