/** A web process that carries the embedded media server and does nothing else; its parent is a test. */
import { pino } from 'pino'
import { mountMedia } from '../../server/http/media-routes.ts'
import { uWS } from '../../server/http/uws.ts'
import { createMediaCarrier } from '../../server/media/media-carrier.ts'
import type { WebhookTarget } from '../../server/media/link/messages.ts'
import type { MediaConfig } from '../../server/media/link/media-config.ts'

export interface WebSettings {
  port: number
  folder: string
  version: string
  apiKey: string
  apiSecret: string
  media: MediaConfig
  webhooks: WebhookTarget
}

/** `stop` as an operator would; `end`: the media process, too. */
export type ToWeb = { settings: WebSettings } | 'stop' | 'end'
/** `up` is said again when the media process is another one. */
export type FromWeb = { up: { port: number; mediaPid: number } } | { failed: string }

const say = (message: FromWeb) => process.send?.(message)

async function serve(settings: WebSettings): Promise<void> {
  const log = pino({ level: 'debug' }, pino.destination({ dest: 2, sync: true }))
  const { apiKey, apiSecret, media, folder, version } = settings
  const carrier = createMediaCarrier({
    config: { apiKey, apiSecret, media, logLevel: 'debug' },
    folder,
    version,
    now: Date.now,
    log,
  })
  const app = uWS.App()
  mountMedia(app, { carrier, now: Date.now, log })
  app.any('/*', (res) => void res.end('OK'))
  await new Promise<void>((resolve, reject) => {
    app.listen('127.0.0.1', settings.port, (socket) => {
      if (socket) resolve()
      else reject(new Error(`port ${settings.port} is taken`))
    })
  })
  await carrier.start(settings.webhooks)

  let mediaPid = 0
  const look = () => {
    const pid = carrier.state()?.pid ?? 0
    if (pid !== 0 && pid !== mediaPid) say({ up: { port: settings.port, mediaPid: pid } })
    mediaPid = pid
  }
  look()
  setInterval(look, 20)
  const stop = (endMedia: boolean) =>
    void carrier.stop({ endMedia }).then(() => {
      app.close()
      process.exit(0)
    })
  process.on('message', (message: ToWeb) => {
    if (message === 'stop' || message === 'end') stop(message === 'end')
  })
  // The test is gone, however it went.
  process.on('disconnect', () => stop(true))
}

process.once('message', (message: ToWeb) => {
  if (typeof message === 'string') return
  serve(message.settings).catch((error: unknown) => {
    say({ failed: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  })
})
