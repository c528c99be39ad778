/** Issue 4, point 6: a certificate of its own, under a name that is not localhost. */
import { expect, test } from '@playwright/test'
import { isEncrypted, talk, untilConnected } from './support/call-checks.ts'
import { startEmbeddedServer } from './support/embedded-server.ts'
import { register } from './support/person.ts'

test.setTimeout(400_000)

const host = 'calls.test'

test('Ada and Bo come by https to calls.test: the same encrypted call, over wss and with a cookie that is Secure', async ({
  playwright,
  launchOptions,
}) => {
  const url = (port: number) => `https://${host}:${port}`
  const server = await startEmbeddedServer({
    url,
    configuration: (port) =>
      `[livekit]\nembedded = true\n\n[webserver]\nurl = "${url(port)}"\ntls = "self-signed"\n`,
  })
  const browser = await playwright.chromium.launch({
    ...launchOptions,
    args: [...(launchOptions.args ?? []), `--host-resolver-rules=MAP ${host} 127.0.0.1`],
  })
  try {
    expect(server.output).toMatch(/SHA-256 (?:[0-9A-F]{2}:){31}[0-9A-F]{2}/)
    const options = { ignoreHTTPSErrors: true }
    const people = [
      await register(browser, server.url, 'Ada', options),
      await register(browser, server.url, 'Bo', options),
    ]
    const [ada] = people
    if (!ada) throw new Error('nobody came')
    const sockets: string[] = []
    const plain: string[] = []
    const complaints: string[] = []
    for (const { page } of people) {
      page.on('websocket', (socket) => sockets.push(new URL(socket.url()).pathname))
      page.on('websocket', (socket) => {
        if (!socket.url().startsWith(`wss://${host}:`)) plain.push(socket.url())
      })
      page.on('request', (request) => {
        if (/^http:/.test(request.url())) plain.push(request.url())
      })
      page.on('console', (message) => {
        if (/mixed content|insecure/i.test(message.text())) complaints.push(message.text())
      })
    }
    await talk(people)
    for (const person of people) await isEncrypted(person)
    await untilConnected(ada, ['Ada', 'Bo'])

    expect(sockets.filter((path) => path.startsWith('/livekit/rtc')).length).toBeGreaterThan(1)
    expect(plain).toEqual([])
    expect(complaints).toEqual([])
    for (const { context, page, violations } of people) {
      const cookies = await context.cookies()
      expect(cookies.length).toBeGreaterThan(0)
      expect(cookies.filter(({ secure }) => !secure)).toEqual([])
      expect(await page.evaluate(() => isSecureContext)).toBe(true)
      expect(violations).toEqual([])
    }
  } finally {
    await browser.close()
    await server.dispose()
  }
})
