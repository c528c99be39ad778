/** A receiver with a slow line in a call on the embedded media server, in Chromium. */
import { expect, test } from '@playwright/test'
import { startEmbeddedMedia } from '../support/embedded-media.ts'
import { findFreePort } from '../support/free-port.ts'
import { serveMediaPage } from './media-page/serve-page.ts'
import { measureSlowReceiver } from './media-page/slow-receiver.ts'

test('Cleo’s line takes 220 kbit/s: she hears Ada and Bo, is told that her connection is not good, and Bo sees Ada’s screen', async ({
  browser,
}) => {
  const udpPort = await findFreePort()
  const media = await startEmbeddedMedia({ udpPorts: { from: udpPort, to: udpPort } })
  const page = await serveMediaPage()
  try {
    const { fast, slow } = await measureSlowReceiver({
      media,
      udpPort,
      browser,
      pageUrl: page.url,
      bitrate: 220_000,
      settleMs: 8_000,
      measureMs: 15_000,
    })
    // Busy machines lose sound of their own: what the line costs is the difference.
    expect(slow.concealed - fast.concealed).toBeLessThan(0.05)
    expect(['good', 'poor']).toContain(slow.quality)
    expect(fast.screen).toBeGreaterThan(0)
  } finally {
    await page.close()
    await media.dispose()
  }
})
