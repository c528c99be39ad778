/// <reference lib="dom" />
/** A person at a media page in Chromium, with the waits that tests need. */
import { expect, type Browser, type Page } from '@playwright/test'
import { until } from '../../support/until.ts'
import type { MediaPageApi, PageReceived } from './page-api.ts'

const mediaTimeoutMs = 20_000

/** The page's own functions, called from here. */
type Remote = {
  [Name in keyof MediaPageApi]: (
    ...args: Parameters<MediaPageApi[Name]>
  ) => Promise<Awaited<ReturnType<MediaPageApi[Name]>>>
}

export interface PagePerson extends Remote {
  readonly page: Page
  untilLog(line: string, from?: number): Promise<void>
  /** What comes in of that track grows: frames are decoded, or a voice is heard. */
  untilFlows(track: string): Promise<void>
  /** What arrived of that track, null before anything did. */
  find(track: string): Promise<PageReceived | null>
  close(): Promise<void>
}

const names = [
  'join',
  'log',
  'sid',
  'quality',
  'others',
  'speakers',
  'publish',
  'unpublish',
  'mute',
  'switchCamera',
  'received',
  'encrypted',
  'data',
  'sendData',
  'sendText',
  'texts',
  'offerGreet',
  'greet',
  'simulate',
  'leave',
] as const satisfies (keyof MediaPageApi)[]

/** `through`: a port of 127.0.0.1 that media goes by, whatever the server says. */
export async function openPage(
  browser: Browser,
  url: string,
  through?: number,
): Promise<PagePerson> {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
  const page = await context.newPage()
  if (through !== undefined) await page.addInitScript(goThrough, through)
  await page.goto(url)
  // Sound may be played only after somebody has touched the page.
  await page.getByRole('main').click()
  const remote = Object.fromEntries(
    names.map((name) => [
      name,
      (...args: unknown[]) =>
        page.evaluate(
          ([method, given]) => {
            const call = window.media[method] as (...all: unknown[]) => unknown
            return call(...given)
          },
          [name, args] as const,
        ),
    ]),
  ) as unknown as Remote

  async function find(track: string): Promise<PageReceived | null> {
    const received = await remote.received()
    return received.find((one) => one.track === track) ?? null
  }

  return {
    ...remote,
    page,
    find,
    // The context and with it the page, whether the page is closed already or not.
    close: () => context.close(),
    async untilLog(line, from = 0) {
      await expect
        .poll(async () => (await remote.log()).slice(from), { timeout: mediaTimeoutMs })
        .toContain(line)
    },
    async untilFlows(track) {
      const before = await find(track)
      await until(`${track} flows`, mediaTimeoutMs, async () => {
        const now = await find(track)
        if (!now) return false
        return track.endsWith('microphone')
          ? now.energy > (before?.energy ?? 0)
          : now.frames >= (before?.frames ?? 0) + 5
      })
    },
  }
}

/** Runs in the page. */
function goThrough(port: number): void {
  const original = Reflect.get(RTCPeerConnection.prototype, 'setRemoteDescription') as (
    description: RTCSessionDescriptionInit,
  ) => Promise<void>
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp?.replace(
      /^(a=candidate:.* 127\.0\.0\.1) \d+ typ host/gm,
      `$1 ${port} typ host`,
    )
    return original.call(this, sdp === undefined ? description : { type: description.type, sdp })
  }
}
