/**
 * The pictures of docs/screenshots: six places, phone and desk, light and dark. Taken on demand only
 * (`npm run screenshots`): other tests look at what is there, not at its pixels.
 */
import { expect, test, type Page } from '@playwright/test'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findFreePort } from '../support/free-port.ts'
import {
  findLivekitServer,
  startLivekitServer,
  type LivekitServer,
} from '../support/livekit-server.ts'
import { startServer, type ServerProcess } from '../support/server-process.ts'
import { isIn, joinCall, openRoom, register, type Person } from './support/person.ts'
import { history, joinRoom, makeRoom, write } from './support/rooms.ts'

const folder = process.env['CHATTO_SCREENSHOTS'] ?? ''
const found = findLivekitServer()
test.skip(folder === '', 'taken by npm run screenshots')
test.skip('missing' in found, 'missing' in found ? found.missing : '')
test.setTimeout(300_000)

const sizes = {
  desk: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
} as const

let livekit: LivekitServer
let server: ServerProcess
let people: Person[] = []

test.beforeAll(async () => {
  mkdirSync(folder, { recursive: true })
  const port = await findFreePort()
  livekit = await startLivekitServer({ webhookUrls: [`http://127.0.0.1:${port}/webhooks/livekit`] })
  server = await startServer({
    port,
    livekit,
    env: {
      CHATTO_GENERAL_NAME: 'Harbour',
      CHATTO_WEB_ROOT: process.env['CHATTO_WEB_ROOT'] ?? resolve('dist/web'),
    },
  })
})
test.afterAll(async () => {
  for (const { context } of people) await context.close()
  people = []
  await server?.dispose()
  await livekit?.dispose()
})

/** `phone`: what has to be opened there that stands beside on a desk. */
async function take(page: Page, name: string, onPhone?: () => Promise<void>): Promise<void> {
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport)
    if (size === 'phone') await onPhone?.()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.mouse.move(0, 0)
      await page.screenshot({
        path: join(folder, `${name}-${size}-${colorScheme}.png`),
        animations: 'disabled',
        caret: 'hide',
      })
    }
  }
  await page.setViewportSize(sizes.desk)
}

test('docs/screenshots', async ({ browser }) => {
  const door = await browser.newPage({ baseURL: server.url, viewport: sizes.desk })
  await door.goto('/')
  await door.getByLabel('Login').fill('hana')
  await take(door, 'sign-in')
  await door.close()

  for (const name of ['Hana', 'Ada', 'Bo', 'Chen']) {
    people.push(await register(browser, server.url, name, { viewport: sizes.desk }))
  }
  const [hana, ada, bo, chen] = people
  if (!hana || !ada || !bo || !chen) throw new Error('nobody came')

  await makeRoom(ada.page, 'Release')
  for (const { page } of [hana, bo, chen]) await joinRoom(page, 'Release')
  await makeRoom(hana.page, 'Workshop')
  await take(hana.page, 'new-room')
  await hana.page.getByRole('button', { name: 'New room' }).click()
  await hana.page.getByLabel('Name', { exact: true }).fill('Night watch')
  await take(hana.page, 'dialog')
  await hana.page.keyboard.press('Escape')

  await write(
    bo.page,
    'Release',
    'Reload works: same call, same mute, back in under two seconds here.',
  )
  await write(ada.page, 'Release', 'I can reproduce the rest. Give me ten minutes.')
  await openRoom(hana, 'Release')
  await joinCall(ada)
  await joinCall(bo)
  await write(
    chen.page,
    'Release',
    'So far: ship on Friday at ten. The notes are in `docs/1.4.md`.',
  )
  await expect(history(hana.page, 'Release').getByText('So far:')).toBeVisible()
  await expect(hana.page.getByRole('complementary', { name: 'People' })).toContainText(
    'In the call · 2',
  )
  await take(hana.page, 'room')
  await take(hana.page, 'rooms', async () => {
    await hana.page.getByRole('link', { name: 'All rooms' }).click()
  })

  await openRoom(hana, 'Release')
  await joinCall(hana)
  await isIn(hana)
  await ada.page.getByRole('button', { name: 'Turn camera on' }).click()
  await expect(hana.page.locator('video').first()).toBeVisible()
  await hana.page.waitForFunction(() => {
    const video = document.querySelector('video')
    return video !== null && video.readyState >= 2 && video.videoWidth > 0
  })
  await take(hana.page, 'call', async () => {
    const close = hana.page.getByRole('complementary').getByRole('button', { name: 'Close' })
    if (await close.isVisible()) await close.click()
  })
})
