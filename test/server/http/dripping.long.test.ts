/** What never becomes a whole request holds no connection for long: uWebSockets hangs up. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendRaw } from '../../support/raw-http.ts'
import { runApp, type RunningApp } from '../../support/running-app.ts'

let app: RunningApp
beforeAll(async () => {
  app = await runApp()
})
afterAll(() => app.close())

const head = (...lines: string[]) => [...lines, 'Host: 127.0.0.1', '', ''].join('\r\n')
const post = 'POST /api/auth/login HTTP/1.1'
const json = 'Content-Type: application/json'
/** Its builds wait for ten seconds, or thirty. */
const longestMs = 40_000

test.concurrent.each([
  ['nothing at all', ''],
  ['half a request line', 'GET /api/c'],
  ['a head that drips', 'GET /api/config HTTP/1.1\r\nHost: 127.0.0.1\r\n'],
  ['a body that drips', `${head(post, json, 'Content-Length: 500')}{"login":"drip`],
  ['a chunk that drips', `${head(post, json, 'Transfer-Encoding: chunked')}400\r\n{"login":`],
])('%s is hung up on', async (_what, bytes) => {
  const { status } = await sendRaw(app.port, bytes, { timeoutMs: longestMs })
  // Half a line is 505 to the oldest build.
  expect([null, 505]).toContain(status)
})
