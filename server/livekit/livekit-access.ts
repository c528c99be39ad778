/** How this server reaches LiveKit, its own or the embedded one; the rest of it cannot tell which. */
import { hkdfSync } from 'node:crypto'
import type { EmbeddedMediaConfig, LivekitKeys, LivekitServerConfig } from '../config/config.ts'

export interface LivekitAccess extends LivekitKeys {
  /** For RoomService, as this server reaches it: `ws(s)://` or `http(s)://`, a path included. */
  url: string
  /** As this browser reaches it. */
  urlFor(origin: { secure: boolean; host: string }): string
  /** Where LiveKit is to report to; null when nobody has to be told. */
  webhookUrl: string | null
}

export function toOwnLivekit({
  url,
  internalUrl,
  apiKey,
  apiSecret,
  webhookUrl,
}: LivekitServerConfig): LivekitAccess {
  return { url: internalUrl, apiKey, apiSecret, webhookUrl, urlFor: () => url }
}

/** `url`: of the door through which only this machine asks. */
export function toEmbeddedLivekit(keys: LivekitKeys, url: string): LivekitAccess {
  return {
    ...keys,
    url,
    webhookUrl: null,
    urlFor: ({ secure, host }) => `${secure ? 'wss' : 'ws'}://${host}/livekit`,
  }
}

/** Random per installation, without being kept anywhere: they come of its key-encryption key. */
export function embeddedKeys(keyEncryptionKey: Buffer): LivekitKeys {
  const derive = (what: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', keyEncryptionKey, '', `chatto embedded media ${what}`, bytes))
  return {
    apiKey: `API${derive('key', 9).toString('hex')}`,
    apiSecret: derive('secret', 32).toString('base64url'),
  }
}

/** A second device of somebody comes before the first one goes (R9), so LiveKit's limit is above ours. */
export function mediaPlaces({ embedded }: EmbeddedMediaConfig): number {
  return embedded.maxParticipants * 2
}
