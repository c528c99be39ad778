/**
 * A door for this machine alone, by plain http whatever browsers speak: the embedded media server's
 * RoomService for us, and our webhook endpoint for it.
 */
import type { Logger } from 'pino'
import type { WebhookService } from '../livekit/webhook-receiver.ts'
import type { MediaCarrier } from '../media/media-carrier.ts'
import { listen } from './listen.ts'
import { mountMedia } from './media-routes.ts'
import { mount } from './mount.ts'
import { uWS } from './uws.ts'
import { createWebhookHandler } from './webhook-handler.ts'

export interface InternalServer {
  /** `http://127.0.0.1:PORT` */
  url: string
  close(): void
}

export async function openInternalServer({
  carrier,
  webhooks,
  now,
  log,
}: {
  carrier: MediaCarrier
  /** Asked at each webhook, for it is made later. */
  webhooks(): WebhookService
  now(): number
  log: Logger
}): Promise<InternalServer> {
  const app = uWS.App()
  mountMedia(app, { carrier, now, log })
  const handleWebhook = (...args: Parameters<ReturnType<typeof createWebhookHandler>>) =>
    createWebhookHandler(webhooks(), log)(...args)
  mount(app, 'post', '/webhooks/livekit', handleWebhook, log)
  const { port, stop } = await listen(app, '127.0.0.1', 0)
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      stop()
      app.close()
    },
  }
}
