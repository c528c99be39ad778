/** How sound and video are sent to a media server: as it likes, or within what the embedded one is measured for. */
import { VideoPreset, type TrackPublishDefaults } from 'livekit-client'

/** Passed on to everybody in the call by one process: the SDK's own 1.7 and 2.5 Mbit/s are too much for it. */
const maxBitrate = 800_000

/** The second, small picture is for who has no line for the first; the server asks for no third. */
const embedded: TrackPublishDefaults = {
  // A voice at its full width. Of the SDK's 48 kbit/s, two that speak at once leave a line of 220 kbit/s
  // no picture: each packet weighs more by its headers than by its sound.
  audioPreset: { maxBitrate: 32_000 },
  videoEncoding: { maxBitrate: maxBitrate, maxFramerate: 30 },
  videoSimulcastLayers: [new VideoPreset(320, 180, 100_000, 15)],
  screenShareEncoding: { maxBitrate: maxBitrate, maxFramerate: 15 },
  screenShareSimulcastLayers: [new VideoPreset(640, 360, 100_000, 5)],
}

/** `pageHost` with its port: the embedded media server is reached by the page's own origin. */
export function publishDefaultsFor(livekitUrl: string, pageHost: string): TrackPublishDefaults {
  const isEmbedded = new URL(livekitUrl).host === pageHost
  return {
    // Not AV1: it throws under encryption.
    videoCodec: 'vp8',
    backupCodec: false,
    ...(isEmbedded && embedded),
  }
}
