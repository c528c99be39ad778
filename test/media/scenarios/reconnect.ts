/** What breaks, and what ends by somebody else’s will. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SimulateScenarioKind } from '@livekit/rtc-node'
import { expect } from 'vitest'
import type { MediaPerson, Path } from '../media-person.ts'
import { until } from '../../support/until.ts'
import { came, published, unpublished, went, type Scenario } from './scenario.ts'

const tracks = (identity: string) => [
  published(identity, 'CAMERA'),
  published(identity, 'MICROPHONE'),
]
const tracksEnd = (identity: string) => [
  unpublished(identity, 'CAMERA'),
  unpublished(identity, 'MICROPHONE'),
]

async function bothShow(call: Parameters<Scenario['run']>[0], path: Path) {
  const a = await call.join('ada', { path })
  const b = await call.join('bo', { path })
  await call.media.webhooks.untilLine(call.room, came('bo'))
  for (const [person, hz] of [
    [a, 440],
    [b, 1000],
  ] as const) {
    // On a busy machine the native client may forget to offer a track that is published while it negotiates.
    await person.show('camera')
    await call.media.webhooks.untilLine(call.room, published(person.identity, 'CAMERA'))
    await person.play(hz)
    await call.media.webhooks.untilLine(call.room, published(person.identity, 'MICROPHONE'))
  }
  await bothSee(a, b)
  return { a, b }
}

const bothSee = (a: MediaPerson, b: MediaPerson) =>
  Promise.all([
    a.untilPictures('bo'),
    b.untilPictures('ada'),
    a.untilHears('bo', 1000),
    b.untilHears('ada', 440),
  ])

const bothShown = ['room_started', came('ada'), came('bo'), ...tracks('ada'), ...tracks('bo')]
const bothEnd = [...tracksEnd('ada'), went('ada'), ...tracksEnd('bo'), went('bo'), 'room_finished']

const resume = (path: Path): Scenario => ({
  name: `Ada’s signalling over ${path} breaks off and resumes: same session, same tracks, nobody is told`,
  async run(call) {
    const { a, b } = await bothShow(call, path)
    const { sid } = a
    const cameraSid = a.sidOf('camera')
    const [fromA, fromB] = [a.log.length, b.log.length]
    await a.room.simulateScenario(SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT)
    await a.untilLog('reconnected', fromA)
    await bothSee(a, b)
    expect(a.sid).toBe(sid)
    expect(a.sidOf('camera')).toBe(cameraSid)
    expect(a.log.slice(fromA)).toEqual(['reconnecting', 'reconnected'])
    expect(b.log.slice(fromB)).toEqual([])
    // The session is as good as before: new tracks both ways.
    await a.unpublish('camera')
    await b.untilLog('ada unpublished camera', fromB)
    await a.show('camera')
    await bothSee(a, b)
  },
  reports: [...bothShown, unpublished('ada', 'CAMERA'), published('ada', 'CAMERA'), ...bothEnd],
})

const fullReconnect = (path: Path): Scenario => ({
  name: `Ada over ${path} is asked to connect anew: a new session with the same tracks`,
  async run(call) {
    const { a, b } = await bothShow(call, path)
    const { sid } = a
    const [fromA, fromB] = [a.log.length, b.log.length]
    await a.room.simulateScenario(SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
    await a.untilLog('reconnected', fromA)
    await b.untilLog('subscribed ada microphone', fromB)
    await bothSee(a, b)
    expect(a.sid).not.toBe(sid)
    expect(b.others()).toEqual(['ada'])
    expect(b.tracksOf('ada').map(({ source }) => source)).toEqual(['camera', 'microphone'])
    const anew = (identity: string) => [
      `${identity} unpublished camera`,
      `${identity} unpublished microphone`,
      `${identity} went`,
      `${identity} came`,
      `${identity} published camera`,
      `${identity} published microphone`,
      `subscribed ${identity} camera`,
      `subscribed ${identity} microphone`,
    ]
    // Of the two tracks either may be the first.
    expect(b.log.slice(fromB).toSorted()).toEqual(anew('ada').toSorted())
    expect(b.log.indexOf('ada went', fromB)).toBeLessThan(b.log.indexOf('ada came', fromB))
    const mine = a.log.slice(fromA)
    expect(mine.filter((line) => line.startsWith('reconnect'))).toEqual([
      'reconnecting',
      'reconnected',
    ])
    expect(mine.filter((line) => !line.startsWith('reconnect')).toSorted()).toEqual(
      anew('bo').toSorted(),
    )
  },
  reports: [
    ...bothShown,
    ...tracksEnd('ada'),
    went('ada'),
    came('ada'),
    ...tracks('ada'),
    ...bothEnd,
  ],
})

export const reconnectScenarios: Scenario[] = [
  resume('v1'),
  resume('v0'),
  fullReconnect('v1'),
  fullReconnect('v0'),
  {
    name: 'the server sends Ada away as when it is shut down: that is the end for her client',
    async run(call) {
      const { a, b } = await bothShow(call, 'v1')
      const [fromA, fromB] = [a.log.length, b.log.length]
      await a.room.simulateScenario(SimulateScenarioKind.SIMULATE_SERVER_LEAVE)
      expect(await a.untilDisconnected()).toBe('disconnected SERVER_SHUTDOWN')
      await b.untilLog('ada went', fromB)
      expect(a.log.slice(fromA)).toEqual(['disconnected SERVER_SHUTDOWN'])
      expect(b.others()).toEqual([])
    },
    reports: [
      ...bothShown,
      ...tracksEnd('ada'),
      went('ada', 'SERVER_SHUTDOWN'),
      ...tracksEnd('bo'),
      went('bo'),
      'room_finished',
    ],
  },
  {
    name: 'Ada comes with the same identity from another page: the first one has to go',
    async run(call) {
      const first = await call.join('ada')
      const { sid } = first
      const b = await call.join('bo')
      await call.media.webhooks.untilLine(call.room, came('bo'))
      await first.show('camera')
      await b.untilPictures('ada')
      const from = b.log.length
      const second = await call.join('ada', { path: 'v0' })
      expect(await first.untilDisconnected()).toBe('disconnected DUPLICATE_IDENTITY')
      expect(second.sid).not.toBe(sid)
      await second.show('camera')
      await b.untilLog('subscribed ada camera', from)
      await b.untilPictures('ada')
      expect(b.others()).toEqual(['ada'])
      expect(b.log.slice(from)).toEqual([
        'ada unpublished camera',
        'ada went',
        'ada came',
        'ada published camera',
        'subscribed ada camera',
      ])
    },
    reports: [
      'room_started',
      came('ada'),
      came('bo'),
      published('ada', 'CAMERA'),
      unpublished('ada', 'CAMERA'),
      went('ada', 'DUPLICATE_IDENTITY'),
      came('ada'),
      published('ada', 'CAMERA'),
      went('bo'),
      unpublished('ada', 'CAMERA'),
      went('ada'),
      'room_finished',
    ],
  },
  {
    name: 'Bo is removed through the room service; Ada stays',
    async run(call) {
      const { a, b } = await bothShow(call, 'v1')
      const from = a.log.length
      await call.media.rooms.removeParticipant(call.room, 'bo')
      expect(await b.untilDisconnected()).toBe('disconnected PARTICIPANT_REMOVED')
      await a.untilLog('bo went', from)
      expect(a.log.at(-1)).toBe('bo went')
      expect(a.log.slice(from, -1).toSorted()).toEqual([
        'bo unpublished camera',
        'bo unpublished microphone',
      ])
      expect(a.others()).toEqual([])
      await expect(call.media.rooms.removeParticipant(call.room, 'bo')).rejects.toMatchObject({
        status: 404,
        code: 'not_found',
      })
    },
    reports: [
      ...bothShown,
      ...tracksEnd('bo'),
      went('bo', 'PARTICIPANT_REMOVED'),
      ...tracksEnd('ada'),
      went('ada'),
      'room_finished',
    ],
  },
  {
    name: 'the room is deleted: everybody has to go, and it ends',
    async run(call) {
      const a = await call.join('ada')
      await call.media.webhooks.untilLine(call.room, came('ada'))
      const b = await call.join('bo', { path: 'v0' })
      await call.media.webhooks.untilLine(call.room, came('bo'))
      await call.media.rooms.deleteRoom(call.room)
      expect(await a.untilDisconnected()).toBe('disconnected ROOM_DELETED')
      expect(await b.untilDisconnected()).toBe('disconnected ROOM_DELETED')
      expect(await call.media.rooms.listRooms([call.room])).toEqual([])
      await call.media.webhooks.untilLine(call.room, 'room_finished')
    },
    reports: [
      'room_started',
      came('ada'),
      came('bo'),
      went('ada', 'ROOM_DELETED'),
      went('bo', 'ROOM_DELETED'),
      'room_finished',
    ],
  },
]

/** Takes more than 20 s. */
export const killedScenario: Scenario = {
  name: 'Bo’s process is killed: he is gone, by time-out, when his media has been silent for long',
  async run(call) {
    const a = await call.join('ada')
    await call.media.webhooks.untilLine(call.room, came('ada'))
    const program = fileURLToPath(new URL('../killed-person.ts', import.meta.url))
    const args = [call.media.url, await call.tokenFor('bo'), call.e2eeKey]
    const bo = spawn(process.execPath, ['--import', 'tsx', program, ...args], { stdio: 'ignore' })
    try {
      await a.untilPictures('bo')
    } finally {
      bo.kill('SIGKILL')
    }
    const from = a.log.length
    const killedAt = performance.now()
    await until('Bo is gone', 45_000, () => a.log.includes('bo went', from))
    const seconds = (performance.now() - killedAt) / 1000
    expect(seconds).toBeGreaterThan(15)
    expect(seconds).toBeLessThan(30)
    expect(a.log.slice(from)).toEqual(['bo unpublished camera', 'bo went'])
    expect(a.others()).toEqual([])
  },
  reports: [
    'room_started',
    came('ada'),
    came('bo'),
    published('bo', 'CAMERA'),
    unpublished('bo', 'CAMERA'),
    went('bo', 'CONNECTION_TIMEOUT'),
    went('ada'),
    'room_finished',
  ],
}
