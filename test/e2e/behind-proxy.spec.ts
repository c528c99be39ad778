/** Behind real proxies: a call as README sets them up, and what is said where no WebSockets pass. */
import { expect, test } from '@playwright/test'
import {
  findFreePort,
  fromReadme,
  missingProxies,
  startCaddy,
  startNginx,
} from '../support/proxies.ts'
import { grows, untilConnected } from './support/call-checks.ts'
import { startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.ts'
import {
  hangUp,
  joinCall,
  openRoom,
  password,
  register,
  turnCameraOn,
  visit,
} from './support/person.ts'

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

for (const { name, start } of [
  { name: 'Nginx', start: () => startNginx(fromReadme('nginx'), proxyPort, behind()) },
  { name: 'Caddy', start: () => startCaddy(fromReadme('caddyfile'), proxyPort, behind()) },
]) {
  test(`${name} as README has it: Ada and Bo hear and see each other, beside another program’s long cookie`, async ({
    browser,
  }) => {
    const proxy = await start()
    try {
      const [ada, bo] = [
        await register(browser, proxy.origin, `Ada${name}`, people),
        await register(browser, proxy.origin, `Bo${name}`, people),
      ]
      for (const person of [ada, bo]) {
        await person.context.addCookies([
          { name: 'another', value: 'x'.repeat(800), domain: 'localhost', path: '/' },
        ])
        await openRoom(person)
        await joinCall(person)
        await turnCameraOn(person)
      }
      await untilConnected(ada, [`Ada${name}`, `Bo${name}`])
      await grows(ada)
      await grows(bo)
      for (const person of [ada, bo]) {
        expect(person.violations).toEqual([])
        await hangUp(person)
        await person.context.close()
      }
    } finally {
      await proxy.stop()
    }
  })
}
