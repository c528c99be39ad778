/** Prepared media as encoders give it: sizes and timing of Opus and VP8, with contents that nobody reads. */
import { randomBytes } from 'node:crypto'

/** Payloads of the packets of each frame, over and over. */
export interface Recording {
  packets: Buffer[][]
  everyMs: number
  /** RTP clock. */
  ticksPerMs: number
}

/** Opus at 32 kbit/s: 50 packets a second of 80 bytes. */
export function prepareMicrophone(): Recording {
  return {
    packets: Array.from({ length: 50 }, () => [randomBytes(80)]),
    everyMs: 20,
    ticksPerMs: 48,
  }
}

const largestPayload = 1_100
const framesPerSecond = 30
const keyframeBytes = 16_000
/** With the keyframe 1 Mbit/s. */
const frameBytes = 3_760

/** VP8 of 640x360 at 30 frames and 1 Mbit a second, a keyframe every second. */
export function prepareCamera(): Recording {
  return {
    packets: Array.from({ length: framesPerSecond }, (_, i) =>
      toPackets(i === 0 ? keyframeBytes : frameBytes, i === 0),
    ),
    everyMs: 1_000 / framesPerSecond,
    ticksPerMs: 90,
  }
}

/** RFC 7741: a descriptor before each part, the frame's own head in the first. */
function toPackets(bytes: number, isKeyframe: boolean): Buffer[] {
  const frame = randomBytes(bytes)
  frame[0] = isKeyframe ? 0 : 1
  const packets: Buffer[] = []
  for (let at = 0; at < bytes; at += largestPayload) {
    const descriptor = Buffer.from([at === 0 ? 0x10 : 0x00])
    packets.push(Buffer.concat([descriptor, frame.subarray(at, at + largestPayload)]))
  }
  return packets
}
