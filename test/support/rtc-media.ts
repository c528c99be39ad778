/** Sound and pictures made of buffers, for people in tests: a tone, a moving picture, and an ear for tones. */
import './rtc-quiet.ts'
import {
  AudioFrame,
  AudioSource,
  VideoBufferType,
  VideoFrame,
  VideoSource,
} from '@livekit/rtc-node'

export const sampleRate = 48_000
const toneFrameMs = 50
/** Small on purpose: encoding costs about a core otherwise. */
const usualWidth = 320
const usualHeight = 180
const pictureEveryMs = 100

/** Something that feeds a source until it is stopped. */
export interface Feed<S> {
  source: S
  stop(): Promise<void>
}

/** Plays another tone on the same track, as after a change of the microphone. */
export interface ToneFeed extends Feed<AudioSource> {
  play(hz: number): void
}

/** Shows pictures of another size on the same track, as after a change of the camera. */
export interface PictureFeed extends Feed<VideoSource> {
  resize(width: number, height: number): void
}

/** A sine at `hz`, half as loud as can be. */
export function feedTone(hz: number): ToneFeed {
  const source = new AudioSource(sampleRate, 1, 200)
  const samples = (sampleRate * toneFrameMs) / 1000
  let stopped = false
  let sample = 0
  const fed = (async () => {
    while (!stopped) {
      const frame = AudioFrame.create(sampleRate, 1, samples)
      for (let i = 0; i < samples; i += 1, sample += 1) {
        frame.data[i] = Math.round(16_000 * Math.sin((2 * Math.PI * hz * sample) / sampleRate))
      }
      // Waits while the source's queue is full, so this keeps time by itself.
      await source.captureFrame(frame)
    }
  })()
  return {
    source,
    play(next) {
      hz = next
    },
    async stop() {
      stopped = true
      await fed.catch(() => undefined)
      await source.close()
    },
  }
}

/** A bright bar that wanders over a grey picture, ten times a second. */
export function feedPicture(width = usualWidth, height = usualHeight): PictureFeed {
  const source = new VideoSource(width, height)
  let shown = 0
  const timer = setInterval(() => {
    const frame = picture(shown, width, height)
    source.captureFrame(frame, BigInt(Math.round(performance.now() * 1000)))
    shown += 1
  }, pictureEveryMs)
  return {
    source,
    resize(nextWidth, nextHeight) {
      width = nextWidth
      height = nextHeight
    },
    async stop() {
      clearInterval(timer)
      await source.close()
    },
  }
}

function picture(index: number, width: number, height: number): VideoFrame {
  const luma = width * height
  const data = new Uint8Array(luma * 1.5).fill(128)
  const bar = (index * 16) % width
  for (let y = 0; y < height; y += 1)
    data.fill(235, y * width + bar, y * width + Math.min(bar + 24, width))
  return new VideoFrame(data, width, height, VideoBufferType.I420)
}

/** Whether these samples are mostly a sine at `hz` (Goertzel): noise and silence are not. */
export function isTone(samples: Int16Array, hz: number): boolean {
  const turn = 2 * Math.cos((2 * Math.PI * hz) / sampleRate)
  let energy = 0
  let last = 0
  let beforeLast = 0
  for (const sample of samples) {
    const next = sample + turn * last - beforeLast
    beforeLast = last
    last = next
    energy += sample * sample
  }
  const isQuiet = energy < samples.length * 300 ** 2
  if (isQuiet) return false
  const power = last * last + beforeLast * beforeLast - turn * last * beforeLast
  return (2 * power) / samples.length / energy > 0.5
}
