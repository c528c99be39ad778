/** People in rooms, without a call: the door, messages, drafts, what is unread, being offline. */
import { expect, test, type Page } from '@playwright/test'
import { seriousFindings } from './support/accessible.ts'
import { openRoom, password, roomRow } from './support/person.ts'
import { composer, history, joinRoom, makeRoom, write } from './support/rooms.ts'
import { createWorld, startWithoutCalls } from './support/world.ts'

const world = createWorld({
  start: () => startWithoutCalls({ CHATTO_GENERAL_NAME: 'Harbour' }),
  isShared: true,
  checksPolicy: true,
})

test.use({ viewport: { width: 1280, height: 800 } })

test('F6 R50 Ada makes a room, Bo joins it, and each reads at once what the other writes', async ({
  browser,
}) => {
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  await makeRoom(ada.page, 'Release')
  await joinRoom(bo.page, 'Release')
  await write(
    ada.page,
    'Release',
    'Reload works.\nSee https://example.org/notes, and `docs/1.4.md`.',
  )
  const seen = history(bo.page, 'Release')
  await expect(seen.getByText('Reload works.')).toBeVisible()
  await expect(seen.getByRole('link', { name: 'https://example.org/notes' })).toBeVisible()
  await write(bo.page, 'Release', 'I can reproduce that.')
  await expect(history(ada.page, 'Release').getByText('I can reproduce that.')).toBeVisible()
  // Sent once, shown once.
  await expect(history(bo.page, 'Release').getByText('I can reproduce that.')).toHaveCount(1)
  await expect(bo.page).toHaveTitle('Release · Harbour')
  // R50: this server has no calls, so nothing of them is there to click.
  await expect(bo.page.getByRole('button', { name: /call/i })).toHaveCount(0)
})

test('F6 F44 what Dara types stays in its room, over other rooms and a reload', async ({
  browser,
}) => {
  const dara = await world.come(browser, 'Dara')
  await makeRoom(dara.page, 'Garden')
  await composer(dara.page, 'Garden').fill('Half a sentence')
  await openRoom(dara)
  await expect(composer(dara.page, 'general')).toHaveValue('')
  await dara.page.reload()
  await openRoom(dara, 'Garden')
  await expect(composer(dara.page, 'Garden')).toHaveValue('Half a sentence')
})

test('F6 Fay sees how much she has not read, even what came while her page was closed, and where it begins', async ({
  browser,
}) => {
  const [eve, fay] = await world.pair(browser, 'Eve', 'Fay')
  await makeRoom(eve.page, 'Support')
  await joinRoom(fay.page, 'Support')
  await write(eve.page, 'Support', 'Read by Fay')
  await expect(history(fay.page, 'Support').getByText('Read by Fay')).toBeVisible()
  await openRoom(fay)
  await write(eve.page, 'Support', 'First news')
  await expect(roomRow(fay, 'Support')).toHaveAccessibleName('Support, 1 unread')
  await fay.page.close()
  await write(eve.page, 'Support', 'Second news')
  await expect(history(eve.page, 'Support').getByText('Second news')).toBeVisible()
  fay.page = await fay.open()
  await expect(roomRow(fay, 'Support')).toHaveAccessibleName('Support, 2 unread')
  await expect(fay.page).toHaveTitle('(2) Harbour')
  await openRoom(fay, 'Support')
  await expect(roomRow(fay, 'Support')).toHaveAccessibleName('Support')
  const rows = await history(fay.page, 'Support').getByRole('listitem').allInnerTexts()
  const at = rows.findIndex((row) => row === 'New')
  expect(rows[at - 1]).toContain('Read by Fay')
  expect(rows[at + 1]).toContain('First news')
})

test('F44 Gus is offline: he is told so, his message waits, and goes out when he is back', async ({
  browser,
}) => {
  const gus = await world.come(browser, 'Gus')
  await makeRoom(gus.page, 'Train')
  await gus.context.setOffline(true)
  await expect(gus.page.getByText('You are offline.')).toBeVisible()
  await write(gus.page, 'Train', 'From the tunnel')
  await expect(gus.page.getByText('Waiting to be sent.')).toBeVisible()
  await gus.context.setOffline(false)
  await expect(gus.page.getByText('You are offline.')).toBeHidden()
  await expect(gus.page.getByText('Waiting to be sent.')).toBeHidden({ timeout: 30_000 })
  await gus.page.reload()
  await expect(history(gus.page, 'Train').getByText('From the tunnel')).toHaveCount(1)
})

test('F6 Hana writes to Ivo, whom she finds by name; he is told', async ({ browser }) => {
  const [hana, ivo] = await world.pair(browser, 'Hana', 'Ivo')
  await hana.page.keyboard.press('Control+K')
  await hana.page.keyboard.type('ivo')
  const list = hana.page.getByRole('navigation', { name: 'Rooms and people' })
  await list.getByRole('button', { name: /^Ivo/ }).click()
  await write(hana.page, 'Ivo', 'Have you a minute?')
  await expect(roomRow(ivo, 'Hana')).toHaveAccessibleName('Hana, 1 unread')
  await openRoom(ivo, 'Hana')
  await expect(history(ivo.page, 'Hana').getByText('Have you a minute?')).toBeVisible()
})

test('Jan is removed from a room while he looks at it: it says so, and nothing of it is left', async ({
  browser,
}) => {
  const [kim, jan] = await world.pair(browser, 'Kim', 'Jan')
  await makeRoom(kim.page, 'Vault')
  await joinRoom(jan.page, 'Vault')
  const people = kim.page.getByRole('complementary', { name: 'People' })
  await people.getByRole('button', { name: 'Jan' }).click()
  await kim.page.getByRole('menuitem', { name: 'Remove Jan from the room' }).click()
  // The safe answer has the focus.
  await expect(kim.page.getByRole('button', { name: 'Keep Jan' })).toBeFocused()
  await kim.page.getByRole('button', { name: 'Remove', exact: true }).click()
  await expect(jan.page.getByText('You are no longer in Vault')).toBeVisible()
  await expect(roomRow(jan, 'Vault')).toHaveCount(0)
})

test('F40 Lia reaches everything by the keyboard', async ({ browser }) => {
  const lia = await world.come(browser, 'Lia')
  const { page } = lia
  await makeRoom(page, 'Alpha')
  await expect(composer(page, 'Alpha')).toBeFocused()
  await page.keyboard.press('Control+K')
  await page.keyboard.press('ArrowDown')
  await expect(roomRow(lia, 'Alpha')).toBeFocused()
  await page.keyboard.press('ArrowDown')
  await expect(roomRow(lia)).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(composer(page, 'general')).toBeFocused()
  // Escape closes the topmost thing and gives the focus back.
  await page.getByRole('button', { name: 'More for this room' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('menuitem', { name: 'Leave room' })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('button', { name: 'More for this room' })).toBeFocused()
})

test('F40 with less motion, too, what Ole opened closes again', async ({ browser }) => {
  const ole = await world.come(browser, 'Ole', { reducedMotion: 'reduce' })
  const { page } = ole
  await page.getByRole('button', { name: 'New room' }).click()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toHaveCount(0)
  // Whether the button is shown as focused again is the browser's business: the pointer asks for its name.
  await page.mouse.move(600, 400)
  await page.getByRole('button', { name: 'New room' }).hover()
  await expect(page.getByRole('tooltip')).toHaveText('New room')
  await openRoom(ole)
  await expect(page.getByRole('tooltip')).toHaveCount(0)
  await page.getByRole('button', { name: 'More for this room' }).click()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('menu')).toHaveCount(0)
})

test('F40 F41 axe finds nothing serious on any page, wide and narrow, light and dark', async ({
  browser,
}) => {
  test.setTimeout(300_000)
  const [mia, noa] = await world.pair(browser, 'Mia', 'Noa')
  const visit = await browser.newContext({ baseURL: world.server.url })
  const door = await visit.newPage()
  await door.goto('/')
  await door.getByRole('button', { name: 'Create an account' }).click()
  await door.getByRole('button', { name: 'Create an account' }).click()
  await expectNothingSerious(door)
  await visit.close()
  const { page } = mia
  await expectNothingSerious(page)
  await makeRoom(page, 'Long lists')
  await joinRoom(noa.page, 'Long lists')
  await write(noa.page, 'Long lists', 'See `this` and https://example.org')
  await expect(history(page, 'Long lists').getByText('See')).toBeVisible()
  await expectNothingSerious(page)
  await page.getByRole('button', { name: 'More for this room' }).click()
  await page.getByRole('menuitem', { name: 'Add people' }).click()
  await expectNothingSerious(page)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'New room' }).click()
  await expectNothingSerious(page)
  await page.goto('/rooms/nowhere')
  await expect(page.getByText('No such room')).toBeVisible()
  await expectNothingSerious(page)
  await page.goto('/nowhere')
  await expectNothingSerious(page)
})

test('F41 on a phone Olu sees one thing at a time, and everything is big enough for a finger', async ({
  browser,
}) => {
  const olu = await world.come(browser, 'Olu', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
  })
  const { page } = olu
  const list = page.getByRole('navigation', { name: 'Rooms and people' })
  await expectBigEnough(page)
  await makeRoom(page, 'Pocket')
  await expect(list).toBeHidden()
  await expectBigEnough(page)
  await page.getByRole('button', { name: 'More for this room' }).click()
  await page.getByRole('menuitem', { name: 'People', exact: true }).click()
  await expect(page.getByRole('complementary', { name: 'People' })).toBeVisible()
  await expectBigEnough(page)
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('link', { name: 'All rooms' }).click()
  await expect(list).toBeVisible()
  await expect(composer(page, 'Pocket')).toBeHidden()
})

test('the door says what is wrong under its field, and lets Pia in again after signing out', async ({
  browser,
}) => {
  const pia = await world.come(browser, 'Pia')
  const { page } = pia
  await makeRoom(page, 'Locker')
  await composer(page, 'Locker').fill('Not for others')
  await page.getByRole('button', { name: 'Your account' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByLabel('Login').fill('pia')
  await page.getByLabel('Password', { exact: true }).fill('something else')
  await page.getByRole('button', { name: 'Sign in' }).click()
  const field = page.getByLabel('Password', { exact: true })
  await expect(field).toHaveAccessibleDescription('The login or the password is wrong.')
  await expect(field).toBeFocused()
  // What was being written does not stay on a computer that others may use.
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('Not for others')
  await field.fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(composer(page, 'Locker')).toBeVisible()
})

/** Colours do not depend on the width: a wide light one and a narrow dark one see everything. */
async function expectNothingSerious(page: Page): Promise<void> {
  for (const [colorScheme, width] of [
    ['dark', 390],
    ['light', 1280],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height: 800 })
    expect(await seriousFindings(page), `${colorScheme}, ${width} wide`).toEqual([])
  }
}

/** 44 px either way, but for links within a text. */
async function expectBigEnough(page: Page): Promise<void> {
  const small = await page.locator('button, a.row, a.button, input').evaluateAll((elements) =>
    elements.flatMap((element) => {
      const { width, height } = element.getBoundingClientRect()
      const isShown = element.checkVisibility() && width > 1
      return isShown && (width < 43.5 || height < 43.5)
        ? [`${element.outerHTML.slice(0, 80)} ${width} × ${height}`]
        : []
    }),
  )
  expect(small).toEqual([])
}
