/**
 * Browser tests in the machine's own Chromium, with a fake microphone and camera. Nothing is
 * downloaded. `web` is the program as people use it, one test after the other, because it measures
 * what they see; `media` holds livekit-client against each media server, and two files run at once.
 */
import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'test/e2e',
  outputDir: 'test-results/e2e',
  workers: 2,
  projects: [
    { name: 'web', testMatch: '*.spec.ts', testIgnore: 'media-*.spec.ts', workers: 1 },
    { name: 'media', testMatch: 'media-*.spec.ts', workers: 2 },
  ],
  // Two cores carry several browsers that encode video: in CI a test may need a second, quieter try.
  retries: process.env['CI'] ? 1 : 0,
  forbidOnly: Boolean(process.env['CI']),
  timeout: 120_000,
  expect: { timeout: 15_000 },
  use: {
    screenshot: 'only-on-failure',
    // A trace takes pictures all the time, a third of what a test computes: only where one has failed.
    trace: 'on-first-retry',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        // Nothing leaves the machine on Chromium's own account.
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
      ],
    },
  },
})
