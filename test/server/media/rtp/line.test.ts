/** What one receiver of a call gets over lines of all kinds, in simulated time: sound first, pictures as they fit. */
import { TrackSource } from '@livekit/protocol'
import { describe, expect, test } from 'vitest'
import { chooseLayers } from '../../../../server/media/rtp/layer-choice.ts'
import { createConnectionQualities } from '../../../../server/media/room/connection-quality.ts'
import { parseVp8, renumberVp8 } from '../../../../server/media/rtp/vp8-payload.ts'
import { createSimulatedLine, pictureNumbers, type Arrived } from './simulated-line.ts'

const screenLayers = [
  { bitrate: 100_000, framesPerSecond: 5, keyframeBytes: 15_000 },
  { bitrate: 800_000, framesPerSecond: 10, keyframeBytes: 80_000 },
]
const cameraLayers = [
  { bitrate: 100_000, framesPerSecond: 15, keyframeBytes: 6_000 },
  { bitrate: 800_000, framesPerSecond: 30, keyframeBytes: 30_000 },
]
const seeds = [1, 2]

function toRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
    return state / 0x7fffffff
  }
}

/** Cleo hears Ada and Bo, and sees Ada’s screen and Bo. */
function cleo(line: Parameters<typeof createSimulatedLine>[0], seed: number) {
  const simulated = createSimulatedLine(line, toRandom(seed))
  simulated.microphone('ada')
  simulated.microphone('bo')
  simulated.picture('screen', screenLayers, TrackSource.SCREEN_SHARE)
  simulated.picture('camera', cameraLayers)
  return {
    ...simulated,
    /** What came in that time. */
    during(ms: number) {
      const from = simulated.arrived.length
      const lost = simulated.soundLost
      simulated.run(ms)
      const came = simulated.arrived.slice(from)
      return {
        soundLost: simulated.soundLost - lost,
        soundDelay: percentile(
          came.filter(({ track }) => track.startsWith('sound')).map(delayOf),
          0.95,
        ),
        screen: pictureNumbers(came, 'screen'),
        camera: pictureNumbers(came, 'camera'),
        kilobits: (came.reduce((sum, { bytes }) => sum + bytes, 0) * 8) / 1000,
      }
    },
  }
}

const delayOf = ({ sentAt, arrivedAt }: Arrived) => arrivedAt - sentAt

function percentile(numbers: number[], share: number): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length * share)] ?? Infinity
}

/** Chromium waits for a picture whose number is missing. */
function gaps(numbers: number[]): number {
  return numbers.filter((number, index) => {
    return index > 0 && ((number - (numbers[index - 1] ?? 0)) & 0x7fff) !== 1
  }).length
}

describe.each(seeds)('with seed %i', (seed) => {
  test.each([
    { queueMs: 500, noiseMs: 5 },
    { queueMs: 150, noiseMs: 20 },
    { queueMs: 2_000, noiseMs: 30 },
  ])(
    'a line of 220 kbit/s with a queue of $queueMs ms: the sound is whole, and there is a picture',
    (line) => {
      const call = cleo({ bitrate: 220_000, ...line }, seed)
      call.during(8_000)
      const { soundLost, soundDelay, screen } = call.during(30_000)
      expect(soundLost).toBeLessThan(30)
      expect(soundDelay).toBeLessThan(250)
      expect(screen.length).toBeGreaterThan(20)
      expect(gaps(screen)).toBe(0)
      expect(call.traffic.shortage).not.toBe('none')
    },
  )

  test('a line that takes it gets everything after a few seconds, and is not filled with weight', () => {
    const call = cleo({ bitrate: 5_000_000, noiseMs: 30 }, seed)
    call.during(6_000)
    const { soundLost, soundDelay, screen, camera, kilobits } = call.during(10_000)
    expect(soundLost).toBe(0)
    expect(soundDelay).toBeLessThan(100)
    expect(screen.length).toBeGreaterThan(95)
    expect(camera.length).toBeGreaterThan(290)
    expect(gaps(screen) + gaps(camera)).toBe(0)
    expect(kilobits).toBeLessThan(20_000)
    expect(call.traffic.shortage).toBe('none')
  })

  test('a line that becomes narrow has its sound back in two seconds, and all its pictures when it is wide again', () => {
    const call = cleo({ bitrate: 5_000_000, queueMs: 300 }, seed)
    call.during(6_000)
    call.setBitrate(220_000)
    call.during(2_000)
    const narrow = call.during(8_000)
    expect(narrow.soundLost).toBeLessThan(10)
    expect(narrow.soundDelay).toBeLessThan(250)
    expect(call.traffic.shortage).not.toBe('none')
    call.setBitrate(5_000_000)
    call.during(60_000)
    const wide = call.during(5_000)
    expect(call.traffic.shortage).toBe('none')
    expect(wide.camera.length).toBeGreaterThan(140)
  })

  test('a line that loses one packet in fifty by chance is not taken for a narrow one', () => {
    const call = cleo({ bitrate: 20_000_000, loss: 0.02 }, seed)
    call.during(15_000)
    expect(call.during(10_000).kilobits).toBeGreaterThan(14_000)
  })

  test('a line with no room for any picture keeps its sound, and the client is told that there is none', () => {
    const call = cleo({ bitrate: 145_000 }, seed)
    call.during(6_000)
    expect(call.during(20_000).soundLost).toBeLessThan(20)
    expect(call.traffic.shortage).toBe('missing')
    expect(call.isSent.get('camera')).toBe(false)
  })
})

test('a client that never tells what came gets everything', () => {
  const call = cleo({ bitrate: 5_000_000 }, 1)
  call.traffic.setExtension(undefined)
  call.during(3_000)
  expect(call.during(5_000).camera.length).toBeGreaterThan(140)
  expect(call.traffic.bitrate).toBeNull()
})

test('the smallest pictures of all come before a better one of anybody, and screens before faces', () => {
  const options = [
    { layer: 0, temporal: 0, bitrate: 50 },
    { layer: 0, temporal: 3, bitrate: 100 },
    { layer: 1, temporal: 3, bitrate: 800 },
  ]
  const offer = (key: string, priority: number) => ({ key, priority, options, present: null })
  const offers = [offer('face', 1), offer('screen', 2)]
  const choose = (bitrate: number) => Object.fromEntries(chooseLayers(offers, bitrate))
  expect(choose(60)).toEqual({ screen: { layer: 0, temporal: 0 } })
  expect(choose(111)).toEqual({
    screen: { layer: 0, temporal: 0 },
    face: { layer: 0, temporal: 0 },
  })
  expect(choose(1_000)).toEqual({
    screen: { layer: 1, temporal: 3 },
    face: { layer: 0, temporal: 3 },
  })
  expect(choose(Infinity).face).toEqual({ layer: 1, temporal: 3 })
})

test('the numbers in front of a picture are read and changed in a copy', () => {
  const packet = Buffer.from([0x90, 0xe0, 0xff, 0xff, 0xfe, 0xa0, 0x00, 0x9d])
  const vp8 = parseVp8(packet)
  expect(vp8).toMatchObject({
    isStart: true,
    isKeyframe: true,
    pictureId: { value: 0x7fff },
    tl0: { value: 0xfe },
    temporal: 2,
    isSync: true,
  })
  if (!vp8) throw new Error('not read')
  const other = parseVp8(renumberVp8(packet, vp8, { pictureId: 2, tl0: 3 }))
  expect(other).toMatchObject({ pictureId: { value: 1 }, tl0: { value: 1 }, temporal: 2 })
  expect(parseVp8(packet)).toEqual(vp8)
  expect(parseVp8(Buffer.from([0x10]))).toBeUndefined()
  expect(parseVp8(Buffer.alloc(0))).toBeUndefined()
})

test('a bad connection is told after two seconds, a good one when it lasts', () => {
  const qualities = createConnectionQualities()
  const read = (shortage: 'none' | 'missing', silentMs = 0) =>
    qualities
      .read(new Map([['PA_cleo', { lossShare: 0, shortage, silentMs }]]))
      .map(({ quality }) => quality)
  const [poor, excellent, lost] = [0, 2, 3]
  expect(read('none')).toEqual([excellent])
  expect(read('missing')).toEqual([])
  expect(read('missing')).toEqual([poor])
  for (let second = 0; second < 4; second += 1) expect(read('none')).toEqual([])
  expect(read('none')).toEqual([excellent])
  expect(read('none', 8_000)).toEqual([])
  expect(read('none', 9_000)).toEqual([lost])
})
