/**
 * A call of three with a screen on the embedded media server, in Chromium: one receiver’s line takes
 * 220 kbit/s, out of a queue of half a second. What it costs that one, and what the others.
 */
import { chromium } from '@playwright/test'
import { serveMediaPage } from '../test/e2e/media-page/serve-page.ts'
import { measureSlowReceiver } from '../test/e2e/media-page/slow-receiver.ts'
import { startEmbeddedMedia } from '../test/support/embedded-media.ts'
import { findFreePort } from '../test/support/free-port.ts'
import type { BenchResult } from './support/result.ts'

const bitrate = 220_000
const mostConcealed = { slow: 0.02, fast: 0.005 }

export async function benchSlowLine(): Promise<BenchResult> {
  const udpPort = await findFreePort()
  const media = await startEmbeddedMedia({ udpPorts: { from: udpPort, to: udpPort } })
  const page = await serveMediaPage()
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
    ],
  })
  try {
    const { fast, slow } = await measureSlowReceiver({
      media,
      udpPort,
      browser,
      pageUrl: page.url,
      bitrate,
      settleMs: 10_000,
      measureMs: 20_000,
    })
    const share = (value: number) => `${(value * 100).toFixed(2)} %`
    return {
      lines: [
        `line of ${bitrate / 1000} kbit/s: sound concealed ${share(slow.concealed)}, screen ${slow.screen.toFixed(1)} pictures a second (${slow.screenSize}), camera ${slow.camera.toFixed(1)}, told “${slow.quality}”`,
        `line without a limit: sound concealed ${share(fast.concealed)}, screen ${fast.screen.toFixed(1)} pictures a second (${fast.screenSize}), told “${fast.quality}”`,
      ],
      limit: `at most ${share(mostConcealed.slow)} and ${share(mostConcealed.fast)} concealed, a screen for who has a line`,
      isFine:
        slow.concealed < mostConcealed.slow &&
        fast.concealed < mostConcealed.fast &&
        fast.screen > 0,
    }
  } finally {
    await browser.close()
    await page.close()
    await media.dispose()
  }
}
