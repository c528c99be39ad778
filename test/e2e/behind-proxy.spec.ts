/** Behind a proxy that passes no WebSockets. */
import { expect, test } from '@playwright/test'
import { findFreePort, fromReadme, missingProxies, startNginx } from '../support/proxies.ts'
import { startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.ts'
import { password, visit } from './support/person.ts'

const missing = missingProxies()
test.skip(missing !== null, missing ?? '')
test.setTimeout(300_000)

let server: EmbeddedServer
let proxyPort = 0
test.beforeAll(async () => {
  proxyPort = await findFreePort()
  server = await startEmbeddedServer({
    configuration: () =>
      [
        '[livekit]',
        'embedded = true',
        '[webserver]',
        `url = "https://localhost:${proxyPort}"`,
        'trusted_proxies = ["127.0.0.1"]',
      ].join('\n'),
  })
})
test.afterAll(() => server.dispose())

const behind = () => Number(new URL(server.url).port)
const people = { ignoreHTTPSErrors: true }

test('nginx without the lines for WebSockets: people read that live connections do not pass, and the log says why', async ({
  browser,
}) => {
  const site = fromReadme('nginx')
    .split('\n')
    .filter((line) => !/Upgrade|Connection/.test(line))
    .join('\n')
  const proxy = await startNginx(site, proxyPort, behind())
  try {
    const { page, context } = await visit(browser, proxy.origin, 'Eve', people)
    await page.getByRole('button', { name: 'Create an account' }).click()
    await page.getByLabel('Login').fill('eve')
    await page.getByLabel('Your name').fill('Eve')
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Create an account' }).click()
    await expect(page.getByText('live connections do not pass')).toBeVisible()
    await expect.poll(() => server.output).toContain('a proxy in front passes no WebSockets')
    await context.close()
  } finally {
    await proxy.stop()
  }
})
