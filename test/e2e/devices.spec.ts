/**
 * What a person hears and sees of others who move to another device, are removed, or lose their
 * network: with the media server inside, and a voice that never pauses, so that a gap is a gap.
 */
import { expect, test, type Browser } from '@playwright/test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../support/until.ts'
import {
  grows,
  isEncrypted,
  standingIn,
  talk,
  untilConnected,
  upheavals,
} from './support/call-checks.ts'
import { openFarBrowser } from './support/far-browser.ts'
import { startEmbeddedServer } from './support/embedded-server.ts'
import {
  historyOf,
  isIn,
  joinCall,
  openRoom,
  roomOf,
  turnCameraOn,
  visit,
  type Person,
} from './support/person.ts'
import { expectWithin, keptWithin, report } from './support/promises.ts'
import { makeRoom, joinRoom } from './support/rooms.ts'
import { writeVoice } from './support/voice-file.ts'
import { flowOf, watchFlow, type Flow } from './support/watch-flow.ts'
import { createWorld } from './support/world.ts'

test.setTimeout(500_000)

let folder: string
const world = createWorld({ start: startEmbeddedServer })
const { people } = world
let browser: Browser

test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chatto-voice-'))
  writeVoice(join(folder, 'voice.wav'))
})
test.afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.beforeEach(async ({ playwright, launchOptions }) => {
  browser = await playwright.chromium.launch({
    ...launchOptions,
    args: [
      ...(launchOptions.args ?? []),
      `--use-file-for-fake-audio-capture=${join(folder, 'voice.wav')}`,
    ],
  })
})
test.afterEach(() => browser.close())

/** What it is like when nothing happens, on this machine and at this moment. */
async function usualFlow(person: Person): Promise<Flow> {
  await watchFlow(person.page)
  await grows(person, undefined, 100)
  const flow = await flowOf(person.page)
  report(`${person.name}, undisturbed`, JSON.stringify(flow))
  return flow
}

/** Microphones that this page has open. */
async function openMicrophones(person: Person): Promise<number> {
  return person.page.evaluate(() => {
    const { chattoTestTracks } = window as unknown as { chattoTestTracks: MediaStreamTrack[] }
    return chattoTestTracks.filter(({ kind, readyState }) => {
      return kind === 'audio' && readyState === 'live'
    }).length
  })
}

/** From now on; before a microphone was opened. */
async function watchMicrophones(person: Person): Promise<void> {
  await person.page.evaluate(() => {
    const tracks: MediaStreamTrack[] = []
    Object.assign(window, { chattoTestTracks: tracks })
    const devices = navigator.mediaDevices
    const ask = devices.getUserMedia.bind(devices)
    devices.getUserMedia = async (constraints) => {
      const stream = await ask(constraints)
      tracks.push(...stream.getTracks())
      return stream
    }
  })
}

test('R9 Ada’s call moves from her laptop to her phone: Bo hears her all the time, the log says nothing, one microphone is open', async () => {
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  for (const person of people) await openRoom(person)
  await watchMicrophones(ada)
  for (const person of people) await joinCall(person)
  await turnCameraOn(ada)
  await untilConnected(bo, ['Ada', 'Bo'])
  const usual = await usualFlow(bo)

  const phone = await visit(browser, world.server.url, 'Ada’s phone', {
    storageState: await ada.context.storageState(),
  })
  people.push(phone)
  await openRoom(phone)
  await watchMicrophones(phone)
  const before = await roomOf(bo)
  const history = await historyOf(bo)
  for (const { facts } of people) facts.length = 0
  await watchFlow(bo.page)

  await phone.page.getByRole('button', { name: 'Join call' }).click()
  await isIn(phone)
  await expect(
    ada.page.getByText('The call moved to another tab or device of yours.'),
  ).toBeVisible()
  await until('the laptop’s microphone is closed', 20_000, async () => {
    return (await openMicrophones(ada)) === 0
  })
  expect(await openMicrophones(phone)).toBe(1)
  await grows(phone, undefined, 0)
  const flow = await flowOf(bo.page)
  report('Bo, while the call moved', JSON.stringify(flow))
  expectWithin('Bo’s longest silence', flow.soundGapMs, Math.max(500, usual.soundGapMs))

  const after = await roomOf(bo)
  expect(after.call?.callId).toBe(before.call?.callId)
  expect(after.seq).toBe(before.seq)
  expect(people.flatMap(({ facts }) => facts)).toEqual([])
  expect(await historyOf(bo)).toEqual(history)
  expect(await standingIn(bo)).toBe('Ada connected,Bo connected')
  expect((await openMicrophones(ada)) + (await openMicrophones(phone))).toBe(1)
  await isEncrypted(bo)
  for (const { violations } of people) expect(violations).toEqual([])
})

test('R18 R45 Cleo is removed in mid-call: she is out within 1 s, Ada and Bo lose less than 1 s of picture over the new key', async () => {
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  const cleo = await world.come(browser, 'Cleo')
  await makeRoom(ada.page, 'Release')
  for (const person of [bo, cleo]) await joinRoom(person.page, 'Release')
  for (const person of people) await joinCall(person)
  for (const person of [ada, bo]) await turnCameraOn(person)
  await untilConnected(ada, ['Ada', 'Bo', 'Cleo'], { room: 'Release' })
  for (const person of [ada, bo]) await usualFlow(person)

  const { id, call } = await roomOf(ada, 'Release')
  const userId = call?.participants.find(({ displayName }) => displayName === 'Cleo')?.userId
  for (const { page } of [ada, bo]) await watchFlow(page)
  const removed = ada.page.evaluate(async (path) => {
    const { status } = await fetch(path, { method: 'DELETE' })
    return status
  }, `/api/rooms/${id}/members/${userId}`)
  await keptWithin('a removed member is out', 1000, async () => {
    return (await standingIn(ada, 'Release')) === 'Ada connected,Bo connected'
  })
  expect(await removed).toBeLessThan(300)
  await expect(cleo.page.getByText('You are no longer in Release')).toBeVisible()
  await expect(cleo.page.getByRole('button', { name: 'Leave call' })).toBeHidden()

  // Long enough for senders to have switched, and for whoever could not follow to show it.
  for (const person of [ada, bo]) await grows(person, undefined, 150)
  for (const person of [ada, bo]) {
    const flow = await flowOf(person.page)
    report(`${person.name}, over the new key`, JSON.stringify(flow))
    expectWithin(
      `${person.name}’s longest gap in the picture`,
      Math.min(flow.pictureGapMs, flow.frozenMs),
      1000,
    )
    await isEncrypted(person)
  }
  for (const { violations } of people) expect(violations).toEqual([])
})

test('R12 R34 Bo’s network is away for eight seconds: he is in the same call again, without a word in the history', async ({
  playwright,
  launchOptions,
}) => {
  const far = await openFarBrowser(playwright.chromium, launchOptions)
  try {
    const ada = await world.come(browser, 'Ada')
    const bo = await world.come(far.browser, 'Bo')
    await talk(people)
    await untilConnected(ada, ['Ada', 'Bo'])
    const before = await roomOf(ada)
    const history = await historyOf(ada)
    for (const { facts } of people) facts.length = 0

    far.cutNetwork()
    // All that he can notice by himself is that nothing comes any more.
    await watchFlow(bo.page)
    await until('eight seconds without a network', 60_000, async () => {
      return (await flowOf(bo.page)).sinceFrameMs > 8000
    })
    // He is told that nobody hears him.
    await expect(bo.page.getByText('Nothing you say is sent until then.')).toBeVisible()
    far.mendNetwork()
    const mendedAt = performance.now()
    await keptWithin(
      'Bo sees again',
      10_000,
      async () => (await flowOf(bo.page)).sinceFrameMs < 400,
      mendedAt,
    )
    const back = [await grows(ada), await grows(bo)]
    for (const [index, person] of people.entries()) await grows(person, back[index], 100)
    await untilConnected(ada, ['Ada', 'Bo'])

    expect((await roomOf(ada)).call?.callId).toBe(before.call?.callId)
    expect(await historyOf(ada)).toEqual(history)
    expect(people.flatMap(({ facts }) => upheavals(facts))).toEqual([])
    for (const person of people) await isEncrypted(person)
    for (const { violations } of people) expect(violations).toEqual([])
  } finally {
    await far.close()
  }
})
