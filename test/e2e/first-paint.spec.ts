/** How fast the first screen is there, on a cold load over loopback. */
import { expect, test, type Page } from '@playwright/test'
import { resolve } from 'node:path'
import { startServer, type ServerProcess } from '../support/server-process.ts'

// Recording a page slows it down.
test.use({ trace: 'off', screenshot: 'off' })

let server: ServerProcess
test.beforeAll(async () => {
  server = await startServer({
    livekit: null,
    env: { CHATTO_WEB_ROOT: process.env['CHATTO_WEB_ROOT'] ?? resolve('dist/web') },
  })
})
test.afterAll(() => server.dispose())

test('F43 the first thing is painted within a second, and nothing of LiveKit is loaded for it', async ({
  browser,
}) => {
  const paints: number[] = []
  for (let visit = 0; visit < 5; visit++) {
    const context = await browser.newContext()
    const page = await context.newPage()
    const scripts: string[] = []
    page.on('request', (request) => {
      if (request.resourceType() === 'script') scripts.push(new URL(request.url()).pathname)
    })
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await page.waitForLoadState('networkidle')
    paints.push(await firstPaint(page))
    expect(scripts.filter((path) => /voice-connection|livekit/.test(path))).toEqual([])
    for (const path of scripts) {
      const response = await context.request.get(server.url + path)
      expect(await response.text(), path).not.toContain('LivekitError')
    }
    await context.close()
  }
  const median = paints.toSorted((a, b) => a - b)[2] ?? Infinity
  console.log(`first contentful paint: ${paints.map(Math.round).join(', ')} ms`)
  expect(median).toBeLessThan(1000)
})

const firstPaint = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) => {
          for (const { name, startTime } of list.getEntries()) {
            if (name === 'first-contentful-paint') resolve(startTime)
          }
        }).observe({ type: 'paint', buffered: true })
      }),
  )
