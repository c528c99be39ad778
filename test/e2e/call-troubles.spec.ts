/**
 * What goes wrong beside the call must not take it down: a browser without an AudioContext, a microphone
 * that gives nothing, a media key, a join without an answer. With the media server inside.
 */
import { expect, test, type BrowserContext } from '@playwright/test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedServer } from './support/embedded-server.ts'
import { grows, untilConnected } from './support/call-checks.ts'
import {
  button,
  isIn,
  joinCall,
  openRoom,
  patiently,
  register,
  roomOf,
  turnCameraOn,
  type Person,
} from './support/person.ts'
import { makeRoom } from './support/rooms.ts'
import { writeVoice } from './support/voice-file.ts'
import { createWorld } from './support/world.ts'
import { until } from '../support/until.ts'

test.setTimeout(240_000)

const world = createWorld({ start: startEmbeddedServer })
const { people } = world

const peopleAt = ({ page }: Person) => page.getByRole('list', { name: 'People in the call' })

/** From the next page on, which is opened at once. */
async function withPage(person: Person, script: () => void): Promise<void> {
  await person.context.addInitScript(script)
  await person.page.reload()
  await openRoom(person)
}

const withoutAudioContext: Record<string, () => void> = {
  'new AudioContext throws': () => {
    const refuse = function () {
      throw new DOMException('no audio hardware', 'NotSupportedError')
    }
    Object.assign(window, { AudioContext: refuse, webkitAudioContext: refuse })
  },
  'createMediaStreamSource throws': () => {
    AudioContext.prototype.createMediaStreamSource = () => {
      throw new DOMException('another sample rate', 'NotSupportedError')
    }
  },
}

for (const [what, script] of Object.entries(withoutAudioContext)) {
  test(`F12 at Vic’s, ${what}: there are no rings, and all the rest of the call is as it should be`, async ({
    browser,
  }) => {
    const [ada, vic] = await world.pair(browser, 'Ada', 'Vic')
    await withPage(vic, script)
    await openRoom(ada)
    await joinCall(ada)
    await joinCall(vic)
    await expect(peopleAt(ada).getByText('muted')).toHaveCount(0)
    await button(vic, 'Mute microphone').click()
    await expect(peopleAt(ada).getByText('muted')).toHaveCount(1)
    await button(vic, 'Unmute microphone').click()
    await expect(peopleAt(ada).getByText('muted')).toHaveCount(0)
    for (const person of people) await turnCameraOn(person)
    // Both see and hear; at Vic's that includes the element that plays Ada.
    for (const person of people) await grows(person)
    await untilConnected(ada, ['Ada', 'Vic'])
    await expect(vic.page.locator('audio')).toHaveCount(1)
    await expect(vic.page.getByText('Turn on sound')).toHaveCount(0)
    expect(ada.facts.filter(({ type }) => type === 'participant.reconnecting')).toEqual([])
  })
}

test('R16 a join without an answer: giving up is idle at once, another room’s call starts, and the late answer is left', async ({
  browser,
}) => {
  const ada = await world.come(browser, 'Ada')
  await makeRoom(ada.page, 'Design')
  await openRoom(ada)
  const { id } = await roomOf(ada)
  let answer = () => {}
  const held = new Promise<void>((resolve) => (answer = resolve))
  await ada.page.route(`**/api/rooms/${id}/call/join`, async (route) => {
    // The server has taken it; its answer is on the way for long.
    const response = await route.fetch()
    await held
    await route.fulfill({ response })
  })
  await button(ada, 'Start call').click()
  await button(ada, 'Joining. Give up').click()
  await expect(button(ada, 'Joining. Give up')).toBeHidden()
  await expect(button(ada, 'Leave call')).toBeHidden()
  await expect(ada.page.getByRole('textbox', { name: /message/i })).toBeVisible()

  await openRoom(ada, 'Design')
  await joinCall(ada)
  await expect(ada.page.getByRole('alertdialog')).toHaveCount(0)
  answer()
  await until('the call that nobody wanted is over', 10_000, async () => {
    return (await roomOf(ada)).call === null
  })
  // She stays where she is.
  await isIn(ada)
  await untilConnected(ada, ['Ada'], { room: 'Design' })
})

/** The browser's own tracks, and how the system mutes one. */
async function watchTracks(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const tracks: MediaStreamTrack[] = []
    Object.assign(window, {
      chattoTestMute(muted: boolean) {
        for (const track of tracks.filter(({ kind }) => kind === 'audio')) {
          Object.defineProperty(track, 'muted', { value: muted, configurable: true })
          track.dispatchEvent(new Event(muted ? 'mute' : 'unmute'))
        }
      },
    })
    const devices = navigator.mediaDevices
    const ask = devices.getUserMedia.bind(devices)
    devices.getUserMedia = async (constraints) => {
      const stream = await ask(constraints)
      tracks.push(...stream.getTracks())
      return stream
    }
  })
}

const systemMutes = ({ page }: Person, muted: boolean) =>
  page.evaluate((value) => {
    ;(window as unknown as { chattoTestMute(muted: boolean): void }).chattoTestMute(value)
  }, muted)

test('F10 the system mutes Ada’s microphone: she is told within 5 s, and sees herself as Bo sees her', async ({
  browser,
}) => {
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  await watchTracks(ada.context)
  await ada.page.reload()
  for (const person of people) await openRoom(person)
  for (const person of people) await joinCall(person)
  await untilConnected(ada, ['Ada', 'Bo'])

  await systemMutes(ada, true)
  await expect(ada.page.getByText('Your system has muted your microphone.')).toBeVisible({
    timeout: 5000,
  })
  await expect(peopleAt(bo).getByText('muted')).toHaveCount(1)
  await expect(peopleAt(ada).getByText('muted')).toHaveCount(1)
  await expect(button(ada, /^Muted by your system/)).toBeVisible()

  await systemMutes(ada, false)
  await expect(ada.page.getByText('Your system has muted your microphone.')).toBeHidden()
  await expect(peopleAt(bo).getByText('muted')).toHaveCount(0)
  await expect(peopleAt(ada).getByText('muted')).toHaveCount(0)
  await expect(button(ada, 'Mute microphone')).toBeVisible()
})

test('F10 Ada’s microphone gives nothing at all: she is told within 5 s, and nobody else is', async ({
  playwright,
  launchOptions,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'chatto-silence-'))
  writeVoice(join(folder, 'silence.wav'), 0)
  const silent = await playwright.chromium.launch({
    ...launchOptions,
    args: [
      ...(launchOptions.args ?? []),
      `--use-file-for-fake-audio-capture=${join(folder, 'silence.wav')}`,
    ],
  })
  const loud = await playwright.chromium.launch(launchOptions)
  try {
    const ada = await register(silent, world.server.url, 'Ada')
    const bo = await register(loud, world.server.url, 'Bo')
    people.push(ada, bo)
    for (const person of people) await openRoom(person)
    await joinCall(bo)
    await joinCall(ada)
    await expect(ada.page.getByText('Nothing comes from your microphone.')).toBeVisible({
      timeout: 5000,
    })
    // Who is heard reads nothing of it, and whoever mutes has no need to.
    await expect(bo.page.getByText('Nothing comes from your microphone.')).toHaveCount(0)
    await button(ada, 'Mute microphone').click()
    await expect(ada.page.getByText('Nothing comes from your microphone.')).toBeHidden()
  } finally {
    for (const { context } of people.splice(0)) await context.close()
    await silent.close()
    await loud.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('F20 a media key pauses every voice at Bo’s: they play on; where they may not, he turns the sound on again', async ({
  browser,
}) => {
  const [, bo] = await world.pair(browser, 'Ada', 'Bo')
  for (const person of people) await openRoom(person)
  for (const person of people) await joinCall(person)
  const voice = bo.page.locator('audio')
  await expect(voice).toHaveCount(1)
  const isPaused = () => voice.evaluate((element: HTMLAudioElement) => element.paused)
  const pause = () => voice.evaluate((element: HTMLAudioElement) => element.pause())
  await expect.poll(isPaused).toBe(false)

  await pause()
  await expect.poll(isPaused).toBe(false)
  await expect(button(bo, 'Turn on sound')).toHaveCount(0)

  await bo.page.evaluate(() => {
    const play = HTMLMediaElement.prototype.play
    HTMLMediaElement.prototype.play = () =>
      Promise.reject(new DOMException('a phone call is on', 'NotAllowedError'))
    Object.assign(window, { chattoTestPlay: () => (HTMLMediaElement.prototype.play = play) })
  })
  await pause()
  await expect(button(bo, 'Turn on sound')).toBeVisible()
  expect(await isPaused()).toBe(true)
  await bo.page.evaluate(() => {
    ;(window as unknown as { chattoTestPlay(): void }).chattoTestPlay()
  })
  await button(bo, 'Turn on sound').click()
  await expect.poll(isPaused).toBe(false)
  await expect(button(bo, 'Turn on sound')).toHaveCount(0)
})

test('F15 Ada’s screen stays awake in a call; the screen she shares is asked for with care, and is not her own stage', async ({
  browser,
}) => {
  const [ada, bo] = await world.pair(browser, 'Ada', 'Bo')
  await withPage(ada, () => {
    const locks = new Set<object>()
    const asked: unknown[] = []
    const keys = new Map<string, unknown>()
    Object.assign(window, { chattoTestLocks: locks, chattoTestAsked: asked, chattoTestKeys: keys })
    Object.defineProperty(navigator, 'wakeLock', {
      value: {
        request: () => {
          const lock = Object.assign(new EventTarget(), {
            type: 'screen',
            release() {
              locks.delete(lock)
              return Promise.resolve()
            },
          })
          locks.add(lock)
          return Promise.resolve(lock)
        },
      },
    })
    const take = navigator.mediaSession.setActionHandler.bind(navigator.mediaSession)
    navigator.mediaSession.setActionHandler = (action, handler) => {
      take(action, handler)
      keys.set(action, handler)
    }
    const show = navigator.mediaDevices.getDisplayMedia.bind(navigator.mediaDevices)
    navigator.mediaDevices.getDisplayMedia = (options) => {
      asked.push(options)
      return show(options)
    }
  })
  await openRoom(bo)
  const locks = () =>
    ada.page.evaluate(
      () => (window as unknown as { chattoTestLocks: Set<object> }).chattoTestLocks.size,
    )
  const press = (key: string) =>
    ada.page.evaluate((action) => {
      const { chattoTestKeys } = window as unknown as { chattoTestKeys: Map<string, () => void> }
      chattoTestKeys.get(action)?.()
    }, key)

  expect(await locks()).toBe(0)
  await joinCall(ada)
  await joinCall(bo)
  await expect.poll(locks).toBe(1)

  await button(ada, 'Share screen').click()
  await expect(ada.page.getByText('You are sharing your screen.')).toBeVisible()
  await expect(bo.page.getByText('Ada’s screen')).toBeVisible(patiently)
  await expect(ada.page.locator('.tile.share')).toHaveCount(0)
  const asked = await ada.page.evaluate(
    () => (window as unknown as { chattoTestAsked: unknown[] }).chattoTestAsked,
  )
  expect(asked).toMatchObject([
    {
      systemAudio: expect.stringMatching(/^(include|exclude)$/) as unknown,
      selfBrowserSurface: 'exclude',
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    },
  ])
  await ada.page.getByRole('status').getByRole('button', { name: 'Stop sharing' }).click()
  await expect(ada.page.getByText('You are sharing your screen.')).toBeHidden()
  await expect(bo.page.getByText('Ada’s screen')).toBeHidden()

  // The keys that are made for calls.
  await press('togglemicrophone')
  await expect(button(ada, 'Unmute microphone')).toBeVisible()
  await press('togglemicrophone')
  await expect(button(ada, 'Mute microphone')).toBeVisible()
  await press('hangup')
  await expect(button(ada, 'Join call')).toBeVisible()
  await expect.poll(locks).toBe(0)
})
