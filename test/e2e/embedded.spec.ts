/** Calls with nothing installed: the built server in an empty folder, two people, and a third one. */
import { expect, test } from '@playwright/test'
import { until } from '../support/until.ts'
import { grows, isEncrypted, talk, untilConnected } from './support/call-checks.ts'
import { startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.ts'
import { callOf, hangUp, historyOf, joinCall, openRoom, roomOf } from './support/person.ts'
import { keptWithin } from './support/promises.ts'
import { createWorld } from './support/world.ts'

test.setTimeout(400_000)

const world = createWorld<EmbeddedServer>()
const { people } = world

test('Ada starts it in an empty folder: she and Bo see and hear each other, encrypted; a hang-up shows within 1 s, a closed tab within 15 s', async ({
  browser,
}) => {
  const server = await world.serve(startEmbeddedServer)
  expect(server.configuration).toMatch(/^embedded = true$/m)
  expect(server.output).toContain('A first run: its configuration is in')
  expect(server.output).toContain('on, media by this program itself')

  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  await talk(people)
  for (const person of people) await isEncrypted(person)
  await untilConnected(ada, ['Ada', 'Bo'])

  const { callId } = await callOf(ada)
  const hungUpAt = performance.now()
  await hangUp(bo)
  await keptWithin(
    'a hang-up shows',
    1000,
    async () => (await callOf(ada)).participants.length === 1,
    hungUpAt,
  )

  await joinCall(bo)
  await untilConnected(ada, ['Ada', 'Bo'])
  expect((await callOf(ada)).callId).toBe(callId)
  await grows(bo)
  await bo.page.close()
  await keptWithin(
    'a closed tab shows',
    15_000,
    async () => (await callOf(ada)).participants.length === 1,
  )

  await hangUp(ada)
  await until('the call is over', 5000, async () => (await roomOf(ada)).call === null)
  const rows = (await historyOf(ada)).filter(({ type }) => type.startsWith('call.'))
  expect(rows.map(({ type }) => type)).toEqual(['call.started', 'call.ended'])
  for (const { violations } of people) expect(violations).toEqual([])
})

test('R11 where two may be in a call, Cleo as the third reads that it is full, and comes in once Bo has left', async ({
  browser,
}) => {
  await world.serve(() =>
    startEmbeddedServer({
      configuration: () => '[livekit]\nembedded = true\nmax_participants = 2\n',
    }),
  )
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  const cleo = await world.come(browser, 'Cleo')
  for (const person of people) await openRoom(person)
  await joinCall(ada)
  await joinCall(bo)
  await untilConnected(cleo, ['Ada', 'Bo'])
  await cleo.page.getByRole('button', { name: 'Join call' }).click()
  await expect(cleo.page.getByRole('button', { name: 'Call is full' })).toBeVisible()
  await untilConnected(cleo, ['Ada', 'Bo'])

  await hangUp(bo)
  await expect(cleo.page.getByRole('button', { name: 'Join call' })).toBeVisible()
  await joinCall(cleo)
  await untilConnected(cleo, ['Ada', 'Cleo'])
})
