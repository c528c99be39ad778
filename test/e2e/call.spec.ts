/**
 * Two people talk in Chromium over a real livekit-server, a third one sees it from outside: the
 * whole way, from the door to decoded pictures.
 */
import { AxeBuilder } from '@axe-core/playwright'
import { expect, test } from '@playwright/test'
import type { Fact } from '../../server/protocol/wire.ts'
import { until } from '../support/until.ts'
import { grows as growsIn, untilConnected } from './support/call-checks.ts'
import {
  callOf,
  hangUp,
  healthOf,
  historyOf,
  isIn,
  joinCall,
  openRoom,
  roomOf,
  roomRow,
  turnCameraOn,
  type Person,
} from './support/person.ts'
import { receivedMedia, type ReceivedMedia } from './support/received-media.ts'
import {
  createWorld,
  skipWithoutLivekit,
  startWithLivekit,
  type ServerWithLivekit,
} from './support/world.ts'

skipWithoutLivekit()
test.setTimeout(240_000)

const world = createWorld<ServerWithLivekit>()
const { people } = world

const grows = (person: Person, least?: ReceivedMedia) => growsIn(person, least, 20, 40_000)
const callRows = (facts: Fact[]) => facts.filter(({ type }) => type.startsWith('call.'))

/** What the row of the room says of the call. */
const indicator = (person: Person, count: number) =>
  expect(roomRow(person)).toHaveAccessibleName(
    count === 0 ? 'general' : new RegExp(`call with ${count} p`),
    { timeout: 10_000 },
  )

async function findsNothingSerious(person: Person): Promise<void> {
  const { violations } = await new AxeBuilder({ page: person.page }).analyze()
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  expect(
    serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('\n')}`),
  ).toEqual([])
}

test('R1 R6 R14 R16 R17 R46 F19 two people see and hear each other, a third one sees that they do; a reload keeps the call, a closed tab and a hang-up end it', async ({
  browser,
}) => {
  await world.serve(startWithLivekit)
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  const cleo = await world.come(browser, 'Cleo')
  for (const person of people) await openRoom(person)

  // The indicator appears to who is not in the call.
  await indicator(cleo, 0)
  await joinCall(ada)
  await indicator(cleo, 1)
  await expect(cleo.page.getByText('Ada started a call')).toBeVisible()
  await expect(ada.page.getByRole('button', { name: 'Mute microphone' })).toBeFocused()
  await expect(ada.page.getByText('Only you so far')).toBeVisible()
  await findsNothingSerious(ada)

  await joinCall(bo)
  await indicator(cleo, 2)
  await turnCameraOn(ada)
  await turnCameraOn(bo)
  await grows(ada)
  await grows(bo)
  for (const person of [ada, bo]) {
    await expect(person.page.getByRole('button', { name: /^Encrypted/ })).toBeVisible()
    await findsNothingSerious(person)
  }
  await findsNothingSerious(cleo)
  await untilConnected(cleo, ['Ada', 'Bo'], { withinMs: 10_000 })

  // Both read the same safety code.
  const codes = []
  for (const person of [ada, bo]) {
    await person.page.getByRole('button', { name: /^Encrypted/ }).click()
    const lock = person.page.getByRole('dialog')
    codes.push(await lock.getByText(/^Safety code/).textContent())
    await findsNothingSerious(person)
    await person.page.keyboard.press('Escape')
    await expect(lock).toBeHidden()
  }
  expect(codes[0]).toMatch(/^Safety code \d{4}, \d{4}, \d{4}$/)
  expect(codes[1]).toBe(codes[0])

  // A reload keeps the call, its id and the history; nobody is told of a leave.
  const before = await callOf(cleo)
  const rows = callRows(await historyOf(cleo))
  await bo.page.reload()
  await isIn(bo)
  await expect(bo.page.getByRole('button', { name: 'Turn camera off' })).toBeVisible()
  await grows(bo)
  await grows(ada)
  await untilConnected(cleo, ['Ada', 'Bo'], { withinMs: 15_000 })
  expect((await callOf(cleo)).callId).toBe(before.callId)
  expect(callRows(await historyOf(cleo))).toEqual(rows)
  expect(cleo.facts.filter(({ type }) => type === 'participant.left')).toEqual([])
  await indicator(cleo, 2)

  // A closed tab is gone within 15 s.
  await bo.page.close()
  const closedAt = performance.now()
  await until('Bo is gone from the call', 15_000, async () => {
    const { participants } = await callOf(cleo)
    return participants.every(({ displayName }) => displayName !== 'Bo')
  })
  test.info().annotations.push({
    type: 'a closed tab',
    description: `gone after ${Math.round(performance.now() - closedAt)} ms`,
  })
  await indicator(cleo, 1)

  // A hang-up within 1 s, and it ends the call.
  const hungUpAt = performance.now()
  await hangUp(ada)
  await until('the call is over', 1000, async () => (await roomOf(cleo)).call === null)
  test.info().annotations.push({
    type: 'a hang-up',
    description: `gone after ${Math.round(performance.now() - hungUpAt)} ms`,
  })
  await indicator(cleo, 0)
  await expect(ada.page.getByRole('button', { name: 'Start call' })).toBeFocused()
  const after = await historyOf(cleo)
  expect(callRows(after).map(({ type }) => type)).toEqual(['call.started', 'call.ended'])
  for (const { violations } of people) expect(violations).toEqual([])
})

test('R44 F13 with the wrong key no frame is decoded, and the lock says who cannot be decrypted', async ({
  browser,
}) => {
  await world.serve(startWithLivekit)
  const [ada, eve] = await world.pair(browser, 'Ada', 'Eve')
  // Eve is let in like everybody; what she has for a key is another one.
  await eve.page.route('**/call/join', async (route) => {
    const response = await route.fetch()
    const join = (await response.json()) as { e2eeKey: string }
    await route.fulfill({
      response,
      json: { ...join, e2eeKey: Buffer.alloc(32, 7).toString('base64') },
    })
  })
  for (const person of people) await openRoom(person)
  await joinCall(ada)
  await joinCall(eve)
  await turnCameraOn(ada)
  await turnCameraOn(eve)
  for (const person of people) {
    // Once that is known from the sound, the picture is not even asked for.
    await until(`${person.name} gets what cannot be decrypted`, 40_000, async () => {
      const { undecoded } = await receivedMedia(person.page)
      return undecoded > 0 || (await person.page.getByText('Nothing of it is shown').isVisible())
    })
  }
  await expect(ada.page.getByRole('button', { name: '1 cannot be decrypted' })).toBeVisible()
  await expect(ada.page.getByText('Nothing of it is shown or played.')).toBeVisible()
  await findsNothingSerious(ada)
  for (const person of people) {
    expect((await receivedMedia(person.page)).frames).toBe(0)
    expect(person.violations).toEqual([])
  }
})

test('R33 R38 with `livekit-server --dev` and no webhooks at all, indicators are right within 10 s', async ({
  browser,
}) => {
  await world.serve(() => startWithLivekit({ dev: true, webhooks: false }))
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  const cleo = await world.come(browser, 'Cleo')
  for (const person of people) await openRoom(person)
  await joinCall(ada)
  await joinCall(bo)
  await untilConnected(cleo, ['Ada', 'Bo'], { withinMs: 10_000 })
  await indicator(cleo, 2)
  await turnCameraOn(ada)
  await turnCameraOn(bo)
  await grows(ada)
  await grows(bo)

  const { callId } = await callOf(cleo)
  await bo.page.reload()
  await isIn(bo)
  await untilConnected(cleo, ['Ada', 'Bo'], { withinMs: 10_000 })
  expect((await callOf(cleo)).callId).toBe(callId)

  // Ada came first, so she is the admin; nobody else is told.
  await expect(ada.page.getByText('LiveKit’s webhooks do not arrive')).toBeVisible({
    timeout: 20_000,
  })
  await expect(cleo.page.getByText('LiveKit’s webhooks do not arrive')).toHaveCount(0)

  await bo.page.close()
  await untilConnected(cleo, ['Ada'], { withinMs: 15_000 })
  await indicator(cleo, 1)
  await hangUp(ada)
  await indicator(cleo, 0)
  for (const { violations } of people) expect(violations).toEqual([])
})

test('R49 our server is killed in mid-call and started again: the media goes on, the call, its people and its history are as before', async ({
  browser,
}) => {
  await world.serve(startWithLivekit)
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  const cleo = await world.come(browser, 'Cleo')
  for (const person of people) await openRoom(person)
  await joinCall(ada)
  await joinCall(bo)
  await turnCameraOn(ada)
  await turnCameraOn(bo)
  const seen = { ada: await grows(ada), bo: await grows(bo) }
  await untilConnected(cleo, ['Ada', 'Bo'], { withinMs: 10_000 })
  const before = await roomOf(cleo)

  await world.server.process.kill()
  const down = { ada: await grows(ada, seen.ada), bo: await grows(bo, seen.bo) }
  await indicator(cleo, 2)
  await world.server.process.start()
  await until('the server has asked LiveKit', 20_000, async () => {
    const health = await healthOf(ada)
    return health.livekit.state === 'reachable'
  })
  // Long enough for every doubt to fall due: some ten seconds of pictures.
  const later = (media: ReceivedMedia) => ({ ...media, frames: media.frames + 200 })
  await grows(ada, later(down.ada))
  await grows(bo, later(down.bo))

  const after = await roomOf(cleo)
  expect(after.call?.callId).toBe(before.call?.callId)
  expect(after.call?.participants).toEqual(before.call?.participants)
  expect(after.seq).toBe(before.seq)
  await indicator(cleo, 2)
  // The socket has come back, and goes on by number.
  await hangUp(bo)
  await indicator(cleo, 1)
  const facts = cleo.facts.map(({ seq }) => seq)
  expect(facts).toEqual([...new Set(facts)].toSorted((a, b) => a - b))
  for (const { violations } of people) expect(violations).toEqual([])
})
