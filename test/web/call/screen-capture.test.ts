import { expect, test } from 'vitest'
import { screenCapture, screenPublishing } from '../../../web/livekit/screen-capture.ts'

test('F15 nobody hears themselves in a shared screen: the page’s own voices are left out, or the system’s sound is', () => {
  const able = screenCapture({ restrictOwnAudio: true } as MediaTrackSupportedConstraints)
  expect(able).toMatchObject({ systemAudio: 'include', audio: { restrictOwnAudio: true } })
  const unable = screenCapture({ echoCancellation: true })
  expect(unable.systemAudio).toBe('exclude')
  expect(unable.audio).not.toHaveProperty('restrictOwnAudio')
})

test('F15 a screen’s sound is no voice: nothing is taken out of it, two sides, no pauses', () => {
  for (const supported of [{}, { restrictOwnAudio: true }]) {
    expect(screenCapture(supported as MediaTrackSupportedConstraints).audio).toMatchObject({
      echoCancellation: false,
      noiseSuppression: false,
      autoGainControl: false,
      channelCount: 2,
    })
  }
  expect(screenPublishing).toMatchObject({ dtx: false, forceStereo: true })
})
