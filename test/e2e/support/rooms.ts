/** What people do in rooms, and where they see it. */
import type { Page } from '@playwright/test'

export const composer = (page: Page, room: string) =>
  page.getByRole('textbox', { name: `Message to ${room}` })
export const history = (page: Page, room: string) =>
  page.getByRole('region', { name: `History of ${room}` })

export async function makeRoom(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'New room' }).click()
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByRole('button', { name: 'Make room' }).click()
  await composer(page, name).waitFor()
}

export async function joinRoom(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Browse rooms' }).click()
  await page.getByRole('button', { name: `Join ${name}` }).click()
  await composer(page, name).waitFor()
}

export async function write(page: Page, room: string, text: string): Promise<void> {
  await composer(page, room).fill(text)
  await composer(page, room).press('Enter')
}
