/** A long history: older messages come, what one reads keeps its place, and what is new can be found. */
import { expect, test, type Locator, type Page } from '@playwright/test'
import { seriousFindings } from './support/accessible.ts'
import { openRoom, roomOf, type Person } from './support/person.ts'
import { composer, history, joinRoom, makeRoom, write } from './support/rooms.ts'
import { createWorld, startWithoutCalls } from './support/world.ts'

const world = createWorld({
  start: startWithoutCalls,
  isShared: true,
  checksPolicy: true,
})

test.use({ viewport: { width: 1280, height: 800 } })

/** Through the API, one after the other: message 1, message 2, … */
async function writeMany(person: Person, room: string, count: number, word = 'message') {
  const { id } = await roomOf(person, room)
  await person.page.evaluate(
    async ({ id, count, word }) => {
      for (let at = 1; at <= count; at++) {
        const response = await fetch(`/api/rooms/${id}/messages`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ text: `${word} ${at}.` }),
        })
        if (!response.ok) throw new Error(`refused with ${response.status}`)
      }
    },
    { id, count, word },
  )
}

/** A network on which each page of older messages takes a second. */
async function slowDown(page: Page): Promise<void> {
  await page.route('**/timeline?before=*', async (route) => {
    const response = await route.fetch()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await route.fulfill({ response })
  })
}

/** The first message that can be seen, and where it stands. */
const firstSeen = (seen: Locator) =>
  seen.evaluate((box) => {
    const { top } = box.getBoundingClientRect()
    const row = [...box.querySelectorAll('.message')].find(
      (row) => row.getBoundingClientRect().top >= top,
    )
    return {
      text: row?.querySelector('.words')?.textContent?.trim() ?? '',
      // Of its words: who wrote it stands above the first of several only.
      top: Math.round((row?.querySelector('.words')?.getBoundingClientRect().top ?? 0) - top),
    }
  })
const placeOf = (seen: Locator, text: string) =>
  seen
    .getByText(text, { exact: true })
    .evaluate((words) =>
      Math.round(
        (words.closest('.message')?.querySelector('.words')?.getBoundingClientRect().top ?? 0) -
          (words.closest('.history')?.getBoundingClientRect().top ?? 0),
      ),
    )

test('F6 Ada reads 300 messages back to the beginning, on a slow network and by the Home key', async ({
  browser,
}) => {
  const ada = await world.come(browser, 'Ada')
  await makeRoom(ada.page, 'Release')
  await writeMany(ada, 'Release', 300)
  await slowDown(ada.page)
  await ada.page.reload()
  const seen = history(ada.page, 'Release')
  await expect(seen.getByText('message 300.', { exact: true })).toBeVisible()
  const beginning = seen.getByText('This is the beginning of Release.')
  await expect(seen.getByRole('button', { name: 'Show older messages' })).toBeAttached()
  await seen.focus()
  for (let loads = 0; loads < 6 && !(await beginning.isVisible()); loads++) {
    await ada.page.keyboard.press('Home')
    const loading = seen.getByText('Loading older messages…')
    await expect(loading).toBeVisible()
    await expect.poll(async () => (await firstSeen(seen)).text).toMatch(/message \d+\./)
    const before = await firstSeen(seen)
    await expect(loading).toBeHidden()
    // What she reads has not moved, though 50 rows came above it.
    expect(Math.abs((await placeOf(seen, before.text)) - before.top)).toBeLessThanOrEqual(30)
  }
  await expect(beginning).toBeVisible()
  await expect(seen.getByText('message 1.', { exact: true })).toBeVisible()
})

test('F6 a screen that is higher than what is loaded goes on loading until it is full', async ({
  browser,
}) => {
  const bea = await world.come(browser, 'Bea')
  await makeRoom(bea.page, 'Tower')
  await writeMany(bea, 'Tower', 120)
  await slowDown(bea.page)
  await bea.page.setViewportSize({ width: 800, height: 9000 })
  await bea.page.reload()
  const seen = history(bea.page, 'Tower')
  await expect(seen.getByText('This is the beginning of Tower.')).toBeVisible()
  await expect(seen.getByText('message 1.', { exact: true })).toBeVisible()
})

test('F6 older messages that did not come can be asked for again', async ({ browser }) => {
  const cem = await world.come(browser, 'Cem')
  await makeRoom(cem.page, 'Cellar')
  await writeMany(cem, 'Cellar', 80)
  await cem.page.reload()
  const seen = history(cem.page, 'Cellar')
  await expect(seen.getByText('message 80.', { exact: true })).toBeVisible()
  await cem.page.route('**/timeline?before=*', (route) => route.abort(), { times: 1 })
  await seen.focus()
  await cem.page.keyboard.press('Home')
  await expect(seen.getByText('Older messages could not be loaded.')).toBeVisible()
  await seen.getByRole('button', { name: 'Try again' }).click()
  await expect(seen.getByText('Older messages could not be loaded.')).toBeHidden()
  await expect(seen.getByText('message 1.', { exact: true })).toHaveCount(1)
})

test('F6 what Dan writes does not move what Eva reads further up, and the arrow counts it', async ({
  browser,
}) => {
  const dan = await world.come(browser, 'Dan')
  const eva = await world.come(browser, 'Eva')
  await makeRoom(dan.page, 'Attic')
  await joinRoom(eva.page, 'Attic')
  await writeMany(dan, 'Attic', 60)
  const seen = history(eva.page, 'Attic')
  await expect(seen.getByText('message 60.', { exact: true })).toBeVisible()
  await seen.focus()
  await eva.page.keyboard.press('PageUp')
  await eva.page.keyboard.press('PageUp')
  await expect(seen.getByText('message 60.', { exact: true })).not.toBeInViewport()
  await settled(seen)
  const before = await firstSeen(seen)
  await writeMany(dan, 'Attic', 3, 'news')
  const arrow = eva.page.getByRole('button', { name: '3 new messages below. Go there' })
  await expect(arrow).toBeVisible()
  expect(Math.abs((await placeOf(seen, before.text)) - before.top)).toBeLessThanOrEqual(2)
  await arrow.click()
  await expect(seen.getByText('news 3.', { exact: true })).toBeInViewport()
  await expect(arrow).toBeHidden()
})

test('F6 Fin was away for 25 messages: a way leads to the line where they begin', async ({
  browser,
}) => {
  const gil = await world.come(browser, 'Gil')
  const fin = await world.come(browser, 'Fin')
  await makeRoom(gil.page, 'Harvest')
  await joinRoom(fin.page, 'Harvest')
  await write(gil.page, 'Harvest', 'Read by Fin')
  await expect(history(fin.page, 'Harvest').getByText('Read by Fin')).toBeVisible()
  await openRoom(fin)
  await writeMany(gil, 'Harvest', 25)
  await openRoom(fin, 'Harvest')
  const seen = history(fin.page, 'Harvest')
  await expect(seen.getByText('message 25.', { exact: true })).toBeInViewport()
  const way = fin.page.getByRole('button', { name: '25 new messages' })
  expect(await seriousFindings(fin.page)).toEqual([])
  await way.click()
  await expect(seen.getByText('New', { exact: true })).toBeInViewport()
  await expect(seen.getByText('message 1.', { exact: true })).toBeInViewport()
  await expect(way).toBeHidden()
})

test('F6 Hal was away for 120 messages: the way leads past what is loaded', async ({ browser }) => {
  const ida = await world.come(browser, 'Ida')
  const hal = await world.come(browser, 'Hal')
  await makeRoom(ida.page, 'Summit')
  await joinRoom(hal.page, 'Summit')
  await write(ida.page, 'Summit', 'Read by Hal')
  await expect(history(hal.page, 'Summit').getByText('Read by Hal')).toBeVisible()
  await hal.page.close()
  await writeMany(ida, 'Summit', 120)
  hal.page = await hal.open()
  await openRoom(hal, 'Summit')
  await hal.page.getByRole('button', { name: /^More than \d+ new messages$/ }).click()
  const seen = history(hal.page, 'Summit')
  await expect(seen.getByText('message 1.', { exact: true })).toBeInViewport()
  await expect(seen.getByText('Read by Hal')).toHaveCount(1)
  await expect(composer(hal.page, 'Summit')).toBeVisible()
})

/** A key scrolls smoothly: until it stands for two pictures. */
const settled = (seen: Locator) =>
  seen.evaluate(async (box) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
    for (let before = NaN; before !== box.scrollTop; await frame()) {
      before = box.scrollTop
      await frame()
    }
  })
