/** The embedded media server with everything that it needs of this one: its process, its keys, its door. */
import type { Logger } from 'pino'
import { ConfigError } from './config/config-error.ts'
import type { Config, EmbeddedMediaConfig } from './config/config.ts'
import { openInternalServer } from './http/internal-server.ts'
import {
  embeddedKeys,
  mediaPlaces,
  toEmbeddedLivekit,
  type LivekitAccess,
} from './livekit/livekit-access.ts'
import type { WebhookService } from './livekit/webhook-receiver.ts'
import {
  createMediaCarrier,
  defaultMediaConfig,
  type MediaCarrier,
  type MediaCarrierOptions,
} from './media/media-carrier.ts'

export interface EmbeddedMedia {
  access: LivekitAccess
  carrier: MediaCarrier
  /** The media goes on for a minute while a call is on, so that a restart interrupts nobody. */
  stop(): Promise<void>
}

/** Throws `ConfigError` when the media process cannot be started with this configuration. */
export async function startEmbeddedMedia({
  livekit,
  config,
  keyEncryptionKey,
  version,
  webhooks,
  now,
  log,
}: {
  livekit: EmbeddedMediaConfig
  config: Pick<Config, 'dataFolder' | 'log'>
  keyEncryptionKey: Buffer
  version: string
  webhooks(): WebhookService
  now(): number
  log: Logger
}): Promise<EmbeddedMedia> {
  const keys = embeddedKeys(keyEncryptionKey)
  const { mediaAddresses, udpPorts } = livekit.embedded
  const standard = defaultMediaConfig()
  const carrier = createCarrier({
    config: {
      ...keys,
      media: {
        ...standard,
        addresses: mediaAddresses,
        udpPorts: udpPorts ?? standard.udpPorts,
        maxParticipants: mediaPlaces(livekit),
      },
      logLevel: config.log.level,
    },
    folder: config.dataFolder,
    version,
    now,
    log,
  })
  const door = await openInternalServer({ carrier, webhooks, now, log })
  try {
    await carrier.start({ urls: [`${door.url}/webhooks/livekit`], certificate: null })
  } catch (error) {
    door.close()
    throw cannotStart(error)
  }
  return {
    access: toEmbeddedLivekit(keys, door.url),
    carrier,
    async stop() {
      await carrier.stop()
      door.close()
    },
  }
}

/** It makes its folder at once: one that is somebody else’s, or on a full disk, is told like the rest. */
function createCarrier(options: MediaCarrierOptions): MediaCarrier {
  try {
    return createMediaCarrier(options)
  } catch (error) {
    throw cannotStart(error)
  }
}

function cannotStart(error: unknown): ConfigError {
  const why = error instanceof Error ? error.message : String(error)
  return new ConfigError(`the embedded media server does not start: ${why}`)
}
