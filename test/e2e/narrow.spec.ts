/** A call on small screens, at twice the size, and in a second tab of the same browser. */
import { expect, test, type Browser, type Page } from '@playwright/test'
import { startEmbeddedServer } from './support/embedded-server.ts'
import { callOf, isIn, joinCall, openRoom, roomOf } from './support/person.ts'
import { createWorld } from './support/world.ts'

const world = createWorld({
  start: startEmbeddedServer,
  isShared: true,
  checksPolicy: true,
})

async function come(browser: Browser, name: string, viewport: { width: number; height: number }) {
  const person = await world.come(browser, name, { viewport, hasTouch: true })
  await openRoom(person)
  return person
}

const messages = (page: Page) => page.getByRole('button', { name: /^Messages/ }).click()

test('F13 on a phone the lock’s sheet is as wide as the phone, and the whole code can be read', async ({
  browser,
}) => {
  const ada = await come(browser, 'Ada', { width: 390, height: 844 })
  await joinCall(ada)
  await ada.page.getByRole('button', { name: 'Encrypted. Show safety code' }).click()
  const sheet = ada.page.getByRole('dialog')
  await expect(sheet).toBeVisible()
  const boxes = [sheet, ...(await sheet.locator('.code span[aria-hidden]').all())]
  expect(boxes).toHaveLength(4)
  for (const box of boxes) {
    const { x, width } = (await box.boundingBox()) ?? { x: -1, width: 0 }
    expect(x).toBeGreaterThanOrEqual(0)
    expect(x + width).toBeLessThanOrEqual(390)
  }
})

test('F39 at 320 px one way leads back to the call, and the room’s name can be read', async ({
  browser,
}) => {
  const bo = await come(browser, 'Bo', { width: 320, height: 640 })
  await joinCall(bo)
  await messages(bo.page)
  const ways = bo.page.getByRole('main').or(bo.page.getByRole('banner'))
  await expect(ways.getByRole('button', { name: 'Back to call' })).toHaveCount(0)
  await expect(bo.page.getByRole('region', { name: 'Call in general' })).toHaveCount(1)
  const name = bo.page.getByRole('heading', { level: 1 }).locator('bdi')
  const isCut = await name.evaluate((bdi) => {
    const box = bdi.parentElement
    return box !== null && box.scrollWidth > box.clientWidth
  })
  expect(isCut).toBe(false)
})

test('F39 at twice the size the people beside the call are not over its buttons', async ({
  browser,
}) => {
  const cem = await come(browser, 'Cem', { width: 1280, height: 800 })
  await joinCall(cem)
  const beside = cem.page.getByRole('complementary', { name: 'People' })
  if (!(await beside.isVisible())) {
    await cem.page.getByRole('button', { name: /^People, / }).click()
  }
  await expect(beside).toBeVisible()
  // What a browser does at 200 %.
  await cem.page.setViewportSize({ width: 640, height: 400 })
  await expect(beside).toBeHidden()
  await cem.page.getByRole('button', { name: 'Leave call' }).click({ trial: true })
})

test('R9 a second tab knows that the first is in the call, and moves it only when asked', async ({
  browser,
}) => {
  const dan = await come(browser, 'Dan', { width: 1280, height: 800 })
  await joinCall(dan)
  const { callId } = await callOf(dan)
  const { id } = await roomOf(dan)
  const second = await dan.open(`/rooms/${id}`)
  const move = second.locator('.bar').getByRole('button', { name: 'Move it here' })
  await expect(move).toBeVisible()
  await expect(second.getByText('You are in the call in another tab.').first()).toBeVisible()
  await expect(second.getByRole('button', { name: 'Join call' })).toHaveCount(0)
  await move.click()
  await isIn({ ...dan, page: second })
  expect((await callOf(dan)).callId).toBe(callId)
  await expect(dan.page.getByText(/The call moved to/)).toBeVisible()
})

test('R18 signing out or leaving the room says that the call ends', async ({ browser }) => {
  const eva = await come(browser, 'Eva', { width: 1280, height: 800 })
  await joinCall(eva)
  await messages(eva.page)
  await eva.page.getByRole('button', { name: 'Your account' }).click()
  await eva.page.getByRole('menuitem', { name: 'Sign out' }).click()
  await expect(
    eva.page.getByText('You are in the call of general: signing out ends it for you.'),
  ).toBeVisible()
  await eva.page.getByRole('button', { name: 'Stay' }).click()
  await eva.page.getByRole('button', { name: 'More for this room' }).click()
  await eva.page.getByRole('menuitem', { name: 'Leave room' }).click()
  await expect(eva.page.getByText(/You are in its call: that ends for you, too\./)).toBeVisible()
})

test('F41 the button that starts a call is as high as its neighbours, not as the page', async ({
  browser,
}) => {
  const wes = await come(browser, 'Wes', { width: 1280, height: 800 })
  await openRoom(wes)
  for (const width of [1280, 390]) {
    await wes.page.setViewportSize({ width, height: 800 })
    const box = await wes.page.getByRole('button', { name: 'Start call' }).boundingBox()
    expect(box?.height).toBeLessThan(64)
  }
})
