/** How video is sent to a media server: as it likes, or within what the embedded one is measured for. */
import type { TrackPublishDefaults } from 'livekit-client'

/** Passed on to everybody in the call by one process: the SDK's own 1.7 Mbit/s are too much for it. */
const embeddedCamera = { maxBitrate: 800_000, maxFramerate: 30 }

/** `pageHost` with its port: the embedded media server is reached by the page's own origin. */
export function publishDefaultsFor(livekitUrl: string, pageHost: string): TrackPublishDefaults {
  const isEmbedded = new URL(livekitUrl).host === pageHost
  return {
    // Not AV1: it throws under encryption.
    videoCodec: 'vp8',
    backupCodec: false,
    ...(isEmbedded && { videoEncoding: embeddedCamera }),
  }
}
