/** A person with a browser profile of their own, who does and sees everything through the page. */
import { expect, type Browser, type BrowserContext, type Page } from '@playwright/test'
import type { Call, Fact, Room } from '../../../server/protocol/wire.ts'
import { watchMedia } from './received-media.ts'

export interface Person {
  readonly name: string
  readonly context: BrowserContext
  page: Page
  /** What the content security policy refused, in all of this person's pages. */
  readonly violations: string[]
  /** Every fact that the live socket of this person's pages brought. */
  readonly facts: Fact[]
  /** Opens one more page of the same profile. */
  open(path?: string): Promise<Page>
}

export const password = 'correct horse battery'

type ProfileOptions = Parameters<Browser['newContext']>[0]

/** A browser profile with one page open: at the door, or inside when `options` bring a session along. */
export async function visit(
  browser: Browser,
  baseURL: string,
  name: string,
  options: ProfileOptions = {},
): Promise<Person> {
  const context = await browser.newContext({
    baseURL,
    // Firefox asks nobody: a preference says so.
    permissions: browser.browserType().name() === 'firefox' ? [] : ['microphone', 'camera'],
    ...options,
  })
  const violations: string[] = []
  const facts: Fact[] = []
  await context.exposeFunction('chattoTestViolation', (text: string) => violations.push(text))
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const { chattoTestViolation } = window as unknown as {
        chattoTestViolation(text: string): void
      }
      chattoTestViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`)
    })
  })

  async function open(path = '/'): Promise<Page> {
    const page = await context.newPage()
    await watchMedia(page)
    page.on('websocket', (socket) => {
      if (!socket.url().endsWith('/api/live')) return
      socket.on('framereceived', ({ payload }) => {
        const message = JSON.parse(String(payload)) as { type: string; facts?: Fact[] }
        if (message.type === 'facts') facts.push(...(message.facts ?? []))
      })
    })
    await page.goto(path)
    return page
  }

  return { name, context, page: await open(), violations, facts, open }
}

/** Registers by the door, in a fresh browser profile. */
export async function register(
  browser: Browser,
  baseURL: string,
  name: string,
  options: ProfileOptions = {},
): Promise<Person> {
  const person = await visit(browser, baseURL, name, options)
  const { page } = person
  await page.getByRole('button', { name: 'Create an account' }).click()
  await page.getByLabel('Login').fill(name.toLowerCase())
  await page.getByLabel('Your name').fill(name)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Create an account' }).click()
  await expect(page.getByRole('link', { name: /^general/ })).toBeVisible()
  return person
}

export const roomRow = (person: Person, room = 'general') =>
  person.page.getByRole('link', { name: new RegExp(`^${room}`) })

export async function openRoom(person: Person, room = 'general'): Promise<void> {
  await roomRow(person, room).click()
  await expect(person.page.getByRole('heading', { level: 1, name: room })).toBeVisible()
}

/** Two browsers that encode a screen on two cores take their time to begin. */
export const patiently = { timeout: 60_000 }

export const button = ({ page }: Person, name: string | RegExp) =>
  page.getByRole('button', { name })

const microphone = (page: Page) => page.getByRole('button', { name: 'Mute microphone' })

/** Starts or joins by the room's button, and is in when the microphone is open. */
export async function joinCall(person: Person): Promise<void> {
  await person.page.getByRole('button', { name: /^(Start|Join) call$/ }).click()
  await isIn(person)
}

export async function isIn(person: Person): Promise<void> {
  // Loading the part that knows LiveKit included.
  await expect(microphone(person.page)).toBeVisible({ timeout: 60_000 })
}

export async function turnCameraOn(person: Person): Promise<void> {
  await person.page.getByRole('button', { name: 'Turn camera on' }).click()
  await expect(person.page.getByRole('button', { name: 'Turn camera off' })).toBeVisible()
}

export async function hangUp(person: Person): Promise<void> {
  await person.page.getByRole('button', { name: 'Leave call' }).click()
}

function ask<T>(page: Page, path: string): Promise<T> {
  return page.evaluate(async (url) => {
    const response = await fetch(url)
    return (await response.json()) as unknown
  }, path) as Promise<T>
}

export async function roomOf(person: Person, name = 'general'): Promise<Room> {
  const { rooms } = await ask<{ rooms: Room[] }>(person.page, '/api/rooms')
  const room = rooms.find((candidate) => candidate.name === name)
  if (!room) throw new Error(`${person.name} is not in ${name}`)
  return room
}

export async function callOf(person: Person, name = 'general'): Promise<Call> {
  const { call } = await roomOf(person, name)
  if (!call) throw new Error(`no call is on in ${name}`)
  return call
}

export async function historyOf(person: Person, name = 'general'): Promise<Fact[]> {
  const room = await roomOf(person, name)
  const path = `/api/rooms/${room.id}/timeline?limit=200`
  return (await ask<{ entries: Fact[] }>(person.page, path)).entries
}

export const healthOf = (admin: Person) =>
  ask<{ livekit: { state: string }; webhooks: { silent: boolean } }>(
    admin.page,
    '/api/admin/health',
  )
