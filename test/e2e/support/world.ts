/**
 * Who comes in the tests of a file, and the server that they come to: made before, closed after, and
 * pictured when a test fails. Called once, at the top of a file.
 */
import { expect, test, type Browser } from '@playwright/test'
import { resolve } from 'node:path'
import { findFreePort } from '../../support/free-port.ts'
import {
  findLivekitServer,
  startLivekitServer,
  type LivekitServer,
  type LivekitServerOptions,
} from '../../support/livekit-server.ts'
import {
  prepareServer,
  startServer,
  type ServerOptions,
  type ServerProcess,
} from '../../support/server-process.ts'
import { register, type Person } from './person.ts'

interface AnyServer {
  readonly url: string
  readonly output: string
  dispose(): Promise<void>
}

export interface World<Server extends AnyServer> {
  readonly server: Server
  /** Everybody of the running test. */
  readonly people: Person[]
  /** Starts a server that is gone after the running test. */
  serve(start: () => Promise<Server>): Promise<Server>
  come(browser: Browser, name: string, options?: Parameters<typeof register>[3]): Promise<Person>
  /** Two, who come one after the other. */
  pair(browser: Browser, first: string, second: string): Promise<[Person, Person]>
}

export interface WorldOptions<Server> {
  /** Left out, each test starts its own with `serve`. */
  start?: () => Promise<Server>
  /** One server for all tests of the file; else one for each of them. */
  isShared?: boolean
  /** Nothing may be refused by the pages' own policy. */
  checksPolicy?: boolean
}

export function createWorld<Server extends AnyServer>({
  start,
  isShared = false,
  checksPolicy = false,
}: WorldOptions<Server> = {}): World<Server> {
  let server: Server | null = null
  const people: Person[] = []

  async function serve(started: () => Promise<Server>): Promise<Server> {
    server = await started()
    return server
  }
  async function dispose(): Promise<void> {
    await server?.dispose()
    server = null
  }
  if (start && isShared) test.beforeAll(async () => void (await serve(start)))
  else if (start) test.beforeEach(async () => void (await serve(start)))

  test.afterEach(async ({ browserName }, testInfo) => {
    const hasFailed = testInfo.status !== testInfo.expectedStatus
    if (hasFailed && server) {
      await testInfo.attach('server', { body: server.output.slice(-40_000) })
    }
    const came = people.splice(0)
    for (const { name, page, context } of came) {
      if (hasFailed && !page.isClosed()) {
        await page.screenshot({ path: testInfo.outputPath(`${name}.png`) })
      }
      await context.close()
    }
    if (!isShared) await dispose()
    expect(browserName).toBe('chromium')
    for (const { name, violations } of checksPolicy ? came : []) {
      expect(violations, `the policy of ${name}’s pages`).toEqual([])
    }
  })
  if (isShared) test.afterAll(dispose)

  const world: World<Server> = {
    get server() {
      if (!server) throw new Error('no server was started')
      return server
    },
    people,
    serve,
    async come(browser, name, options) {
      const person = await register(browser, world.server.url, name, options)
      people.push(person)
      return person
    },
    async pair(browser, first, second) {
      return [await world.come(browser, first), await world.come(browser, second)]
    },
  }
  return world
}

const webRoot = () => ({ CHATTO_WEB_ROOT: process.env['CHATTO_WEB_ROOT'] ?? resolve('dist/web') })

/** For rooms alone: calls are off. */
export const startWithoutCalls = (env: ServerOptions['env'] = {}): Promise<ServerProcess> =>
  startServer({ livekit: null, env: { ...env, ...webRoot() } })

/** Our server, and the real livekit-server that tells it by webhooks. */
export interface ServerWithLivekit extends AnyServer {
  readonly process: ServerProcess
  readonly livekit: LivekitServer
}

export function skipWithoutLivekit(): void {
  const found = findLivekitServer()
  test.skip('missing' in found, 'missing' in found ? found.missing : '')
}

export async function startWithLivekit({
  webhooks = true,
  env = {},
  ...options
}: LivekitServerOptions & {
  webhooks?: boolean
  env?: ServerOptions['env']
} = {}): Promise<ServerWithLivekit> {
  const port = await findFreePort()
  const webhookUrls = webhooks ? [`http://127.0.0.1:${port}/webhooks/livekit`] : []
  const livekit = await startLivekitServer({ ...options, webhookUrls })
  const process = await prepareServer({ port, livekit, env: { ...env, ...webRoot() } })
  await process.start()
  return {
    process,
    livekit,
    url: process.url,
    get output() {
      return process.output + livekit.log
    },
    async dispose() {
      await process.dispose()
      await livekit.dispose()
    },
  }
}
