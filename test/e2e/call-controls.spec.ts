/** What one does in a call besides talking: mute, devices, screen, another room, another call. */
import { expect, test } from '@playwright/test'
import { until } from '../support/until.ts'
import {
  button,
  hangUp,
  isIn,
  joinCall,
  openRoom,
  roomOf,
  roomRow,
  turnCameraOn,
} from './support/person.ts'
import { makeRoom } from './support/rooms.ts'
import { createWorld, skipWithoutLivekit, startWithLivekit } from './support/world.ts'

skipWithoutLivekit()
test.setTimeout(240_000)

const world = createWorld({ start: startWithLivekit })
const { people } = world

test('F10 F11 F14 F15 Ada mutes, chooses another microphone that is kept, and shares her screen; Bo sees it', async ({
  browser,
}) => {
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  for (const person of people) await openRoom(person)
  await joinCall(ada)
  await joinCall(bo)
  const adaAtBo = bo.page.getByRole('list', { name: 'People in the call' }).getByText('Ada')
  await expect(adaAtBo).toBeVisible()

  // What is published shows, at both sides.
  await button(ada, 'Mute microphone').click()
  await expect(button(ada, 'Unmute microphone')).toBeVisible()
  await expect(adaAtBo).toHaveText(/muted/)
  await button(ada, 'Unmute microphone').click()
  await expect(button(ada, 'Mute microphone')).toBeVisible()
  await expect(adaAtBo).not.toHaveText(/muted/)

  // Another microphone, without leaving; the choice outlives the page.
  await button(ada, 'Choose microphone and speaker').click()
  const other = ada.page.getByRole('menuitemradio', { name: 'Fake Audio Input 2' })
  await other.click()
  await button(ada, 'Choose microphone and speaker').click()
  await expect(other).toBeChecked()
  await ada.page.keyboard.press('Escape')
  await ada.page.reload()
  await isIn(ada)
  await button(ada, 'Choose microphone and speaker').click()
  await expect(other).toBeChecked()
  await ada.page.keyboard.press('Escape')

  // A screen comes first, and goes.
  await button(ada, 'Share screen').click()
  // In the bar, and beside the words that say so.
  const stop = ada.page.getByRole('toolbar').getByRole('button', { name: 'Stop sharing' })
  await expect(stop).toBeVisible()
  await expect(bo.page.getByText('Ada’s screen')).toBeVisible()
  await turnCameraOn(ada)
  await expect(bo.page.locator('.stage > .large').getByText('Ada’s screen')).toBeVisible()
  await button(bo, 'Grid').click()
  await expect(bo.page.locator('.tile-grid .tile')).toHaveCount(3)
  await stop.click()
  await expect(bo.page.getByText('Ada’s screen')).toBeHidden()
  await expect(button(ada, 'Share screen')).toBeVisible()

  // With the keyboard alone: one stop for the whole bar, arrows in it.
  await button(ada, 'Mute microphone').focus()
  await ada.page.keyboard.press('ArrowRight')
  await expect(button(ada, 'Choose microphone and speaker')).toBeFocused()
  await ada.page.keyboard.press('End')
  await expect(button(ada, 'Leave call')).toBeFocused()
  await ada.page.keyboard.press('Enter')
  await expect(button(ada, 'Join call')).toBeFocused()
  for (const { violations } of people) expect(violations).toEqual([])
})

test('R10 F16 F21 Ada may not use the microphone, yet is in; she looks at another room, and is asked before she joins its call', async ({
  browser,
}) => {
  const ada = await world.come(browser, 'Ada')
  await makeRoom(ada.page, 'Design')
  await openRoom(ada)
  await ada.page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))
  })
  await button(ada, 'Start call').click()
  await expect(ada.page.getByText('Your browser does not allow the microphone.')).toBeVisible()
  await expect(ada.page.getByText('Only you so far')).toBeVisible()
  await button(ada, 'How to allow it').click()
  await button(ada, 'Listen only').click()
  await button(ada, 'Microphone does not work. Why?').click()
  await expect(ada.page.getByRole('dialog', { name: 'Allow the microphone' })).toBeVisible()
  await ada.page.keyboard.press('Escape')

  // The call goes on in the bar while she looks at another room.
  await openRoom(ada, 'Design')
  const bar = ada.page.getByRole('region', { name: 'Call in general' })
  await expect(bar).toBeVisible()
  const { call } = await roomOf(ada)

  await button(ada, 'Start call').click()
  const question = ada.page.getByRole('alertdialog', { name: 'Leave the call in general?' })
  await expect(question).toBeVisible()
  await expect(button(ada, 'Stay in general')).toBeFocused()
  await ada.page.keyboard.press('Enter')
  await expect(question).toBeHidden()
  expect((await roomOf(ada)).call?.callId).toBe(call?.callId)
  expect((await roomOf(ada, 'Design')).call).toBeNull()

  await button(ada, 'Start call').click()
  await button(ada, 'Join Design').click()
  await expect(ada.page.getByText('Only you so far')).toBeVisible()
  await until('the call in general is over', 10_000, async () => (await roomOf(ada)).call === null)
  expect((await roomOf(ada, 'Design')).call).not.toBeNull()
  await hangUp(ada)
  await expect(roomRow(ada, 'Design')).toHaveAccessibleName('Design')
  expect(ada.violations).toEqual([])
})

test('F44 LiveKit cannot be reached: Ada is told what to do, nobody sees a call for long, and trying again works', async ({
  browser,
}) => {
  const ada = await world.come(browser, 'Ada')
  await openRoom(ada)
  await world.server.livekit.kill()
  await button(ada, 'Start call').click()
  await expect(ada.page.getByText('The media server cannot be reached.')).toBeVisible({
    timeout: 60_000,
  })
  await until('no call is left', 10_000, async () => (await roomOf(ada)).call === null)
  await world.server.livekit.restart()
  await button(ada, 'Try again').click()
  await isIn(ada)
  await expect(button(ada, /^Encrypted/)).toBeVisible()
})
