import { expect, test } from 'vitest'
import { publishDefaultsFor } from '../../../web/livekit/publish-defaults.ts'

test('a camera sends at most 800 kbit/s and 30 pictures a second to the embedded media server', () => {
  const { videoEncoding } = publishDefaultsFor('wss://harbour.test:8443', 'harbour.test:8443')
  expect(videoEncoding).toEqual({ maxBitrate: 800_000, maxFramerate: 30 })
  expect(publishDefaultsFor('wss://harbour.test/', 'harbour.test').videoEncoding).toBeDefined()
})

test('a screen too sends at most 800 kbit/s there, and both have a small second picture for who has no line for the first', () => {
  const { screenShareEncoding, videoSimulcastLayers, screenShareSimulcastLayers } =
    publishDefaultsFor('wss://harbour.test:8443', 'harbour.test:8443')
  expect(screenShareEncoding).toEqual({ maxBitrate: 800_000, maxFramerate: 15 })
  expect(videoSimulcastLayers?.map(({ encoding }) => encoding.maxBitrate)).toEqual([100_000])
  expect(screenShareSimulcastLayers?.map(({ encoding }) => encoding.maxBitrate)).toEqual([100_000])
})

test('a voice takes 32 kbit/s there, so that a slow line has room for a picture beside two of them', () => {
  const { audioPreset } = publishDefaultsFor('wss://harbour.test:8443', 'harbour.test:8443')
  expect(audioPreset).toEqual({ maxBitrate: 32_000 })
})

test('a LiveKit of its own gets what the SDK finds right', () => {
  for (const url of ['wss://livekit.harbour.test', 'ws://harbour.test:7880']) {
    expect(publishDefaultsFor(url, 'harbour.test')).toEqual({
      videoCodec: 'vp8',
      backupCodec: false,
    })
  }
})
