/** Sound and pictures, encrypted: who sees and hears whom. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { MediaPerson, Path } from '../media-person.ts'
import { until } from '../../support/until.ts'
import { came, published, unpublished, went, type Scenario } from './scenario.ts'

const withVideo = (identity: string) => ({
  came: came(identity),
  camera: published(identity, 'CAMERA'),
  microphone: published(identity, 'MICROPHONE'),
  cameraGone: unpublished(identity, 'CAMERA'),
  microphoneGone: unpublished(identity, 'MICROPHONE'),
  went: went(identity),
})
const ada = withVideo('ada')
const bo = withVideo('bo')
const cleo = withVideo('cleo')

const camera = { muted: false, subscribed: true, encrypted: true, simulcasted: false }

const twoPeople = (adaPath: Path, boPath: Path): Scenario => ({
  name: `Ada over ${adaPath} and Bo over ${boPath} see and hear each other, encrypted`,
  async run(call) {
    const [a, b] = [
      await call.join('ada', { path: adaPath }),
      await call.join('bo', { path: boPath }),
    ]
    await call.media.webhooks.untilLine(call.room, bo.came)
    await a.show('camera')
    await a.play(440)
    await call.media.webhooks.untilLine(call.room, ada.microphone)
    await b.show('camera')
    await b.play(1000)
    await Promise.all([
      a.untilPictures('bo'),
      b.untilPictures('ada'),
      a.untilHears('bo', 1000),
      b.untilHears('ada', 440),
    ])
    expect(b.hears('ada', 1000)).toBe(false)
    expect(b.sizeOf('ada')).toBe('320x180')
    expect(b.tracksOf('ada')).toEqual([
      { source: 'camera', mimeType: 'video/VP8', ...camera },
      { source: 'microphone', mimeType: 'audio/opus', ...camera },
    ])
  },
  reports: [
    'room_started',
    ada.came,
    bo.came,
    ada.camera,
    ada.microphone,
    bo.camera,
    bo.microphone,
    ada.cameraGone,
    ada.microphoneGone,
    ada.went,
    bo.cameraGone,
    bo.microphoneGone,
    bo.went,
    'room_finished',
  ],
})

async function adaShowsToBo(call: Parameters<Scenario['run']>[0], path: Path) {
  const a = await call.join('ada', { path })
  const b = await call.join('bo', { path })
  await call.media.webhooks.untilLine(call.room, bo.came)
  await a.show('camera')
  await a.play(440)
  await seesAndHears(b)
  return { a, b }
}

const seesAndHears = (person: MediaPerson) =>
  Promise.all([person.untilPictures('ada'), person.untilHears('ada', 440)])

const muteAndUnmute = (path: Path): Scenario => ({
  name: `Ada mutes and unmutes over ${path}; the tracks stay`,
  async run(call) {
    const { a, b } = await adaShowsToBo(call, path)
    const from = b.log.length
    a.mute('microphone', true)
    await b.untilLog('ada muted microphone')
    await until('Bo hears nothing', 5_000, () => !b.hears('ada', 440))
    a.mute('camera', true)
    await b.untilLog('ada muted camera')
    expect(b.tracksOf('ada')).toMatchObject([{ muted: true }, { muted: true }])
    // Who comes later is told as well.
    const c = await call.join('cleo', { path })
    expect(c.tracksOf('ada')).toMatchObject([{ muted: true }, { muted: true }])
    await call.media.webhooks.untilLine(call.room, cleo.came)
    // LiveKit's client tells of two changes at once in any order.
    a.mute('microphone', false)
    await b.untilLog('ada unmuted microphone', from)
    a.mute('camera', false)
    await Promise.all([seesAndHears(b), seesAndHears(c)])
    // When Bo is told of Cleo is another matter: livekit-server lets 3 s pass for who publishes nothing.
    expect(b.log.slice(from).filter((line) => line !== 'cleo came')).toEqual([
      'ada muted microphone',
      'ada muted camera',
      'ada unmuted microphone',
      'ada unmuted camera',
    ])
  },
  reports: [
    'room_started',
    ada.came,
    bo.came,
    ada.camera,
    ada.microphone,
    cleo.came,
    ada.cameraGone,
    ada.microphoneGone,
    ada.went,
    bo.went,
    cleo.went,
    'room_finished',
  ],
})

const cameraOffAndOn = (path: Path): Scenario => ({
  name: `Ada unpublishes her camera and publishes it again, twice, over ${path}`,
  async run(call) {
    const { a, b } = await adaShowsToBo(call, path)
    const from = b.log.length
    for (let round = 1; round <= 2; round += 1) {
      await a.unpublish('camera')
      await until('Bo knows no camera', 5_000, () => b.tracksOf('ada').length === 1)
      expect(b.hears('ada', 440)).toBe(true)
      await a.show('camera')
      await seesAndHears(b)
    }
    expect(b.log.slice(from)).toEqual(
      [1, 2].flatMap(() => [
        'ada unpublished camera',
        'ada published camera',
        'subscribed ada camera',
      ]),
    )
  },
  reports: [
    'room_started',
    ada.came,
    bo.came,
    ada.camera,
    ada.microphone,
    ada.cameraGone,
    ada.camera,
    ada.cameraGone,
    ada.camera,
    ada.microphoneGone,
    ada.cameraGone,
    ada.went,
    bo.went,
    'room_finished',
  ],
})

export const mediaScenarios: Scenario[] = [
  twoPeople('v1', 'v1'),
  twoPeople('v0', 'v0'),
  twoPeople('v0', 'v1'),
  {
    name: 'Ada, Bo and, late, Cleo all see and hear each other',
    async run(call) {
      const [a, b] = [await call.join('ada'), await call.join('bo', { path: 'v0' })]
      await call.media.webhooks.untilLine(call.room, bo.came)
      for (const [person, hz] of [
        [a, 440],
        [b, 1000],
      ] as const) {
        await person.show('camera')
        await person.play(hz)
        await call.media.webhooks.untilLine(call.room, published(person.identity, 'MICROPHONE'))
      }
      await Promise.all([a.untilPictures('bo'), b.untilPictures('ada')])
      const c = await call.join('cleo')
      // At once, without anything new from the others.
      await Promise.all([
        c.untilPictures('ada'),
        c.untilPictures('bo'),
        c.untilHears('ada', 440),
        c.untilHears('bo', 1000),
      ])
      expect(c.others()).toEqual(['ada', 'bo'])
      await c.show('camera')
      await c.play(1500)
      await Promise.all([
        a.untilPictures('cleo'),
        b.untilPictures('cleo'),
        a.untilHears('cleo', 1500),
        b.untilHears('cleo', 1500),
        a.untilHears('bo', 1000),
        b.untilHears('ada', 440),
      ])
      await call.media.webhooks.untilLine(call.room, cleo.microphone)
    },
    reports: [
      'room_started',
      ada.came,
      bo.came,
      ada.camera,
      ada.microphone,
      bo.camera,
      bo.microphone,
      cleo.came,
      cleo.camera,
      cleo.microphone,
      ada.cameraGone,
      ada.microphoneGone,
      ada.went,
      bo.cameraGone,
      bo.microphoneGone,
      bo.went,
      cleo.cameraGone,
      cleo.microphoneGone,
      cleo.went,
      'room_finished',
    ],
  },
  muteAndUnmute('v1'),
  muteAndUnmute('v0'),
  cameraOffAndOn('v1'),
  cameraOffAndOn('v0'),
  {
    name: 'Ada shares her screen with its sound beside her camera, and stops',
    async run(call) {
      const { a, b } = await adaShowsToBo(call, 'v1')
      await a.show('screen', 640, 360)
      await a.play(1000, 'screen-audio')
      await Promise.all([
        b.untilPictures('ada', 5, 'screen'),
        b.untilHears('ada', 1000, 'screen-audio'),
      ])
      expect(b.sizeOf('ada', 'screen')).toBe('640x360')
      expect(b.sizeOf('ada', 'camera')).toBe('320x180')
      expect(b.hears('ada', 440)).toBe(true)
      expect(b.tracksOf('ada').map(({ source }) => source)).toEqual([
        'camera',
        'microphone',
        'screen',
        'screen-audio',
      ])
      const from = b.log.length
      await a.unpublish('screen')
      await a.unpublish('screen-audio')
      await until('Bo knows no screen', 5_000, () => b.tracksOf('ada').length === 2)
      expect(b.log.slice(from)).toEqual(['ada unpublished screen', 'ada unpublished screen-audio'])
      await seesAndHears(b)
    },
    reports: [
      'room_started',
      ada.came,
      bo.came,
      ada.camera,
      ada.microphone,
      published('ada', 'SCREEN_SHARE'),
      published('ada', 'SCREEN_SHARE_AUDIO'),
      unpublished('ada', 'SCREEN_SHARE'),
      unpublished('ada', 'SCREEN_SHARE_AUDIO'),
      ada.cameraGone,
      ada.microphoneGone,
      ada.went,
      bo.went,
      'room_finished',
    ],
  },
  {
    name: 'Ada takes another camera and another microphone; nothing is published anew',
    async run(call) {
      const { a, b } = await adaShowsToBo(call, 'v1')
      const from = b.log.length
      a.switchCamera(240, 136)
      a.switchMicrophone(1000)
      await b.untilHears('ada', 1000)
      await until('the new size', 10_000, () => b.sizeOf('ada') === '240x136')
      await b.untilPictures('ada')
      expect(b.log.slice(from)).toEqual([])
    },
    reports: [
      'room_started',
      ada.came,
      bo.came,
      ada.camera,
      ada.microphone,
      ada.cameraGone,
      ada.microphoneGone,
      ada.went,
      bo.went,
      'room_finished',
    ],
  },
  {
    name: 'Eve with another key is sent everything and can do nothing with it',
    async run(call) {
      const eve = await call.join('eve', { e2eeKey: randomBytes(32).toString('base64') })
      const { a, b } = await adaShowsToBo(call, 'v1')
      await eve.untilLog('subscribed ada camera')
      await eve.untilLog('subscribed ada microphone')
      await b.untilPictures('ada', 10)
      expect(eve.picturesOf('ada')).toBe(0)
      expect(eve.hears('ada', 440)).toBe(false)
      await a.leave()
    },
    reports: [
      'room_started',
      came('eve'),
      ada.came,
      bo.came,
      ada.camera,
      ada.microphone,
      ada.cameraGone,
      ada.microphoneGone,
      ada.went,
      went('eve'),
      bo.went,
      'room_finished',
    ],
  },
  {
    name: 'the server says who speaks, and who stopped',
    async run(call) {
      const { a, b } = await adaShowsToBo(call, 'v1')
      await until('Ada speaks', 5_000, () => b.speakers.at(-1)?.includes('ada'))
      expect(a.speakers.at(-1)).toEqual(['ada'])
      a.mute('microphone', true)
      await until('nobody speaks', 5_000, () => b.speakers.at(-1)?.length === 0)
      // The same again is a change of the level.
      const changes = b.speakers.map(String).filter((now, i, all) => now !== all[i - 1])
      expect(changes).toEqual(['ada', ''])
    },
    reports: [
      'room_started',
      ada.came,
      bo.came,
      ada.camera,
      ada.microphone,
      ada.cameraGone,
      ada.microphoneGone,
      ada.went,
      bo.went,
      'room_finished',
    ],
  },
]
