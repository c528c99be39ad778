/**
 * How a screen is asked for and sent. Its sound is not a voice: nothing is taken out of it, it has two
 * sides and no pauses. And nobody may hear themselves in it.
 */
import {
  AudioPresets,
  type ScreenShareCaptureOptions,
  type TrackPublishOptions,
} from 'livekit-client'

export function screenCapture(
  supported: MediaTrackSupportedConstraints,
): ScreenShareCaptureOptions {
  // The system's sound holds the voices that this page plays, unless the browser can leave them out.
  const canLeaveOut = 'restrictOwnAudio' in supported && supported.restrictOwnAudio === true
  return {
    audio: {
      echoCancellation: false,
      noiseSuppression: false,
      autoGainControl: false,
      channelCount: 2,
      ...(canLeaveOut && { restrictOwnAudio: true }),
    },
    systemAudio: canLeaveOut ? 'include' : 'exclude',
    selfBrowserSurface: 'exclude',
  }
}

export const screenPublishing: TrackPublishOptions = {
  audioPreset: AudioPresets.musicStereo,
  dtx: false,
  red: false,
  forceStereo: true,
}
