import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { answerWithinMs, api, ApiError, joinWithinMs } from '../../../web/api/client.ts'

let server: Server | null = null
const timeouts: number[] = []

/** A real server; the page's requests go to it, and their time is 100 ms. */
async function serve(answer: RequestListener): Promise<void> {
  const started = createServer(answer)
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  const { port } = started.address() as AddressInfo
  const request = globalThis.fetch
  vi.stubGlobal('fetch', (path: string, options: RequestInit) =>
    request(`http://127.0.0.1:${port}${path}`, options),
  )
  const timeout = AbortSignal.timeout.bind(AbortSignal)
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    timeouts.push(ms)
    return timeout(100)
  })
}

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  timeouts.length = 0
  server?.closeAllConnections()
  server?.close()
  server = null
})

const failureOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'answered',
    (error: unknown) => (error instanceof ApiError ? error.code : 'another error'),
  )

test('a server that never answers: every request ends, as if it were offline', async () => {
  await serve(() => undefined)
  const asked = [
    api.config(),
    api.rooms(),
    api.timeline('r'),
    api.post('r', { text: 'hi', requestId: '1' }),
    api.call('r'),
    api.joinCall('r', { connectionId: 'a1' }),
    api.leaveCall('r', { callId: 'c' }),
    api.deleteMe('secret'),
  ]
  expect(await Promise.all(asked.map(failureOf))).toEqual(asked.map(() => 'offline'))
  expect(timeouts.filter((ms) => ms === answerWithinMs)).toHaveLength(7)
  // R16: its answer is waited for after it was given up, to be left.
  expect(timeouts.filter((ms) => ms === joinWithinMs)).toHaveLength(1)
})

test('an answer that stops in its middle is none: a join is not taken for “calls are off”', async () => {
  await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
    response.write('{"callId":')
  })
  expect(await failureOf(api.joinCall('r', { connectionId: 'a1' }))).toBe('offline')
})

test('a page that something in between puts in place of an answer is none either', async () => {
  await serve((_, response) => response.end('<html>Sign in to the hotel’s network</html>'))
  expect(await failureOf(api.call('r'))).toBe('unavailable')
})

test('an error without words of ours keeps its status', async () => {
  await serve((_, response) => response.writeHead(502).end('<html>Bad Gateway</html>'))
  await expect(api.rooms()).rejects.toMatchObject({ code: 'unavailable', status: 502 })
})

test('what the server says is taken as it is', async () => {
  await serve((_, response) => response.end('null'))
  expect(await api.call('r')).toBeNull()
})
