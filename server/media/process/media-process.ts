/**
 * The media process: `media-process SOCKET`. Started by the web process and outlives it; owns WebRTC
 * and the UDP ports. Its configuration comes over the socket, so that no secret is in its command line.
 */
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { createServerClock } from '../../time/server-clock.ts'
import { issueRefreshedToken } from '../api/media-token.ts'
import { answerTwirp } from '../api/room-service.ts'
import { createWebhookPost } from '../api/webhook-post.ts'
import { createMediaWebhooks } from '../api/webhooks.ts'
import type { MediaProcessConfig } from '../link/messages.ts'
import { createMediaHost, type HostedMedia } from './media-host.ts'
import { createMediaServer } from './media-server.ts'

/** A web process that is away longer does not come back. */
const awayMs = 60_000
/** Nobody can set it: a session whose client is heard is not lost with the machine's clock (R53). */
const { now } = createServerClock({ isQuiet: () => false })
/** What is still to be told when everything ends: reports of who left. */
const closeWithinMs = 2_000
/** Beyond so many in a minute the process is beyond repair, and a new one is better. */
const maxErrorsAMinute = 30

const [socketPath] = process.argv.slice(2)
if (socketPath === undefined) {
  process.stderr.write('this program is started by the web process\n')
  process.exit(2)
}

const log = pino(
  { level: 'info' },
  {
    write(line: string) {
      if (!host.log(line)) process.stderr.write(line)
    },
  },
)
const warn = (fields: object, message: string) => log.warn(fields, message)

const host = createMediaHost({
  socketPath,
  create,
  awayMs,
  warn,
  ended: () => process.exit(0),
})

async function create(config: MediaProcessConfig): Promise<HostedMedia> {
  log.level = config.logLevel
  const keys = { apiKey: config.apiKey, apiSecret: config.apiSecret }
  let certificate: string | null = null
  const webhooks = createMediaWebhooks({
    keys,
    post: createWebhookPost(() => certificate),
    now,
    wall: Date.now,
    wait,
    warn,
  })
  const server = await createMediaServer({
    config: config.media,
    now,
    random: randomBytes,
    log,
    issueRefreshToken: (grants) => issueRefreshedToken(grants, keys, Date.now()),
  })
  server.onEvent(webhooks.send)
  return {
    server,
    setWebhookTarget(target) {
      certificate = target.certificate
      webhooks.setTargets(target.urls)
    },
    answerTwirp: (request) => answerTwirp(request, { rooms: server.rooms, keys, now: Date.now() }),
    async close() {
      await server.close()
      await webhooks.stop(closeWithinMs)
    },
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}

/**
 * A datagram that the WebRTC library chokes on must not end everybody's call, so what nobody caught
 * is logged and the process goes on.
 */
let errorsThisMinute = 0
setInterval(() => {
  errorsThisMinute = 0
}, 60_000).unref()
function survive(error: unknown): void {
  errorsThisMinute += 1
  log.error({ err: error }, 'an error that nobody caught')
  if (errorsThisMinute > maxErrorsAMinute) process.exit(1)
}
process.on('uncaughtException', survive)
process.on('unhandledRejection', survive)
process.on('SIGTERM', () => void host.end())
process.on('SIGINT', () => void host.end())
// Closing the terminal in which the web process ran is no reason to drop a call.
process.on('SIGHUP', () => undefined)

host.listen().catch((error: unknown) => {
  log.error({ err: error }, 'the media process cannot listen')
  process.exit(1)
})
