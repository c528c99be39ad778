/**
 * The media scenarios in Chromium with livekit-client, over both of LiveKit's signalling paths:
 * declared for a media server, so that livekit-server and the embedded one pass the same.
 */
import { expect, test, type Browser } from '@playwright/test'
import { randomBytes } from 'node:crypto'
import {
  startMediaUnderTest,
  tokenFor,
  type MediaServerHandle,
  type MediaServerOptions,
  type MediaUnderTest,
} from '../../media/media-under-test.ts'
import { openPage, type PagePerson } from './page-person.ts'
import { serveMediaPage, type MediaPage } from './serve-page.ts'

const paths = [
  { path: 'v1', singlePeerConnection: true },
  { path: 'v0', singlePeerConnection: false },
]

let page: MediaPage
let rooms = 0

/** All of them for one server, in a file of its own. */
export function declareMediaStories(
  name: string,
  start: (options: MediaServerOptions) => Promise<MediaServerHandle>,
): void {
  test.describe(name, () => {
    let media: MediaUnderTest

    test.beforeAll(async () => {
      page = await serveMediaPage()
      media = await startMediaUnderTest(start)
    })
    test.afterAll(async () => {
      await media?.close()
      await page?.close()
    })
    for (const { path, singlePeerConnection } of paths) {
      test.describe(path, () => {
        declareStories(() => media, singlePeerConnection)
      })
    }

    test('a token that is none, forged or too old does not open', async ({ browser }) => {
      const call = beginCall(media, browser, true)
      const ada = await call.open()
      const attempts: [string, string, number][] = [
        ['nonsense', 'NotAllowed', 401],
        [
          await tokenFor({ ...media, apiSecret: 'x'.repeat(32) }, call.room, 'ada'),
          'NotAllowed',
          401,
        ],
        [await tokenFor(media, call.room, 'ada', {}, -120), 'NotAllowed', 401],
      ]
      for (const [token, reason, status] of attempts) {
        for (const singlePeerConnection of [true, false]) {
          const request = { url: media.url, token, e2eeKey: call.e2eeKey, singlePeerConnection }
          expect(await ada.join(request)).toEqual({ reason, status })
        }
      }
      expect(await media.rooms.listRooms([call.room])).toEqual([])
      await call.close()
    })
  })
}

function declareStories(mediaNow: () => MediaUnderTest, singlePeerConnection: boolean): void {
  let call: PageCall

  test.beforeEach(({ browser }) => {
    call = beginCall(mediaNow(), browser, singlePeerConnection)
  })
  test.afterEach(async () => {
    await call.close()
  })

  async function bothShow(): Promise<[PagePerson, PagePerson]> {
    const [ada, bo] = [await call.join('ada'), await call.join('bo')]
    for (const person of [ada, bo]) {
      await person.publish('camera')
      await person.publish('microphone')
    }
    await bothFlow(ada, bo)
    return [ada, bo]
  }

  test('Ada, Bo and, late, Cleo see and hear each other, encrypted; Eve with another key sees nothing', async () => {
    const [ada, bo] = await bothShow()
    expect(await ada.encrypted()).toEqual(['bo'])
    expect(await bo.encrypted()).toEqual(['ada'])
    expect((await bo.find('ada camera'))?.size).toBe('320x180')

    const eve = await call.join('eve', randomBytes(32).toString('base64'))
    await expect
      .poll(async () => (await eve.find('ada camera'))?.bytes ?? 0, { timeout: 20_000 })
      .toBeGreaterThan(20_000)
    expect((await eve.find('ada camera'))?.frames).toBe(0)
    expect((await eve.find('bo camera'))?.frames).toBe(0)

    const cleo = await call.join('cleo')
    await cleo.publish('camera')
    await Promise.all([
      cleo.untilFlows('ada camera'),
      cleo.untilFlows('bo camera'),
      cleo.untilFlows('ada microphone'),
      ada.untilFlows('cleo camera'),
      bo.untilFlows('cleo camera'),
    ])

    await bo.page.close()
    await call.media.webhooks.untilLine(call.room, 'participant_left bo CLIENT_INITIATED')
    await ada.untilLog('bo went')
    await adaFlows(cleo)
  })

  test('Ada mutes, turns her camera off and on, shares her screen and takes another camera', async () => {
    const [ada, bo] = await bothShow()
    let from = (await bo.log()).length
    await ada.mute('microphone', true)
    await ada.mute('camera', true)
    await bo.untilLog('ada muted camera', from)
    await ada.mute('microphone', false)
    await ada.mute('camera', false)
    await bo.untilLog('ada unmuted camera', from)
    await bothFlow(ada, bo)
    expect((await bo.log()).slice(from)).toEqual([
      'ada muted microphone',
      'ada muted camera',
      'ada unmuted microphone',
      'ada unmuted camera',
    ])

    from = (await bo.log()).length
    await ada.unpublish('camera')
    await bo.untilLog('ada unpublished camera', from)
    await ada.publish('screen')
    await bo.untilFlows('ada screen')
    await ada.publish('camera')
    await bothFlow(ada, bo)
    expect((await bo.find('ada screen'))?.size).toBe('640x360')
    await ada.unpublish('screen')
    await bo.untilLog('ada unpublished screen', from)
    expect((await bo.log()).slice(from)).toEqual([
      'ada unpublished camera',
      'ada published screen',
      'subscribed ada screen',
      'ada published camera',
      'subscribed ada camera',
      'ada unpublished screen',
    ])

    from = (await bo.log()).length
    await ada.switchCamera(320, 240)
    await expect
      .poll(async () => (await bo.find('ada camera'))?.size, { timeout: 20_000 })
      .toBe('320x240')
    await bothFlow(ada, bo)
    expect((await bo.log()).slice(from)).toEqual([])
  })

  test('Bo knows who speaks, and gets Ada’s data, text and call of his method, all encrypted', async () => {
    const [ada, bo] = [await call.join('ada'), await call.join('bo')]
    await ada.publish('tone')
    await bo.untilFlows('ada microphone')
    await expect.poll(async () => (await bo.speakers()).at(-1)).toBe('ada')
    await ada.mute('tone', true)
    await expect.poll(async () => (await bo.speakers()).at(-1)).toBe('')
    expect(await bo.speakers()).toEqual(['ada', ''])

    const eve = await call.join('eve', randomBytes(32).toString('base64'))
    for (let i = 1; i <= 10; i += 1)
      await ada.sendData(`line ${i}`, { reliable: true, topic: 'chat' })
    await expect.poll(async () => (await bo.data()).length).toBe(10)
    await ada.sendData('level', { reliable: false, topic: 'levels' })
    await expect.poll(async () => (await bo.data()).length).toBe(11)
    expect(await bo.data()).toEqual([
      ...Array.from({ length: 10 }, (_, i) => ({
        from: 'ada',
        text: `line ${i + 1}`,
        topic: 'chat',
      })),
      { from: 'ada', text: 'level', topic: 'levels' },
    ])
    expect(await eve.data()).toEqual([])
    const text = Array.from({ length: 8_000 }, (_, i) => (i * 7919).toString(36)).join(' ')
    await ada.sendText(text, 'notes')
    await expect.poll(async () => (await bo.texts()).length).toBe(1)
    expect(await bo.texts()).toEqual([{ from: 'ada', text, topic: 'notes' }])
    await bo.offerGreet()
    expect(await ada.greet('bo', 'hello')).toBe('ada says hello')
  })

  test('Ada’s signalling breaks off and resumes; then she connects anew; then the server sends her away', async () => {
    const [ada, bo] = await bothShow()
    const sid = await ada.sid()
    let [fromA, fromB] = [(await ada.log()).length, (await bo.log()).length]
    await ada.simulate('signal-reconnect')
    await ada.untilLog('reconnected', fromA)
    await bothFlow(ada, bo)
    expect(await ada.sid()).toBe(sid)
    expect((await ada.log()).slice(fromA)).toEqual(['signal reconnecting', 'reconnected'])
    expect((await bo.log()).slice(fromB)).toEqual([])

    fromA = (await ada.log()).length
    await ada.simulate('full-reconnect')
    await ada.untilLog('reconnected', fromA)
    await bo.untilLog('subscribed ada microphone', fromB)
    await bo.untilLog('subscribed ada camera', fromB)
    await bothFlow(ada, bo)
    expect(await ada.sid()).not.toBe(sid)
    expect(await bo.others()).toEqual(['ada'])
    // Whether the page takes her for the same person with another session is a matter of moments.
    const lines = (await bo.log()).slice(fromB).filter((line) => !/ (came|went)$/.test(line))
    expect(lines.toSorted()).toEqual(
      [
        'ada unpublished camera',
        'ada unpublished microphone',
        'ada published camera',
        'ada published microphone',
        'subscribed ada camera',
        'subscribed ada microphone',
      ].toSorted(),
    )

    ;[fromA, fromB] = [(await ada.log()).length, (await bo.log()).length]
    await ada.simulate('server-leave')
    await ada.untilLog('disconnected SERVER_SHUTDOWN', fromA)
    await bo.untilLog('ada went', fromB)
    await call.media.webhooks.untilLine(call.room, 'participant_left ada SERVER_SHUTDOWN')
    const left = call.media.webhooks
      .linesOf(call.room)
      .filter((line) => line.startsWith('participant_left'))
    // Of a full reconnect the server hears the old session's end first, or the new one's beginning.
    expect(left).toEqual([
      expect.stringMatching(/^participant_left ada (CLIENT_INITIATED|DUPLICATE_IDENTITY)$/),
      'participant_left ada SERVER_SHUTDOWN',
    ])
  })

  test('Ada comes from a second page, Bo is removed, the room is deleted', async () => {
    const [ada, bo] = await bothShow()
    const second = await call.join('ada')
    await ada.untilLog('disconnected DUPLICATE_IDENTITY')
    await second.publish('camera')
    await bo.untilFlows('ada camera')
    expect(await bo.others()).toEqual(['ada'])

    await call.media.rooms.removeParticipant(call.room, 'bo')
    await bo.untilLog('disconnected PARTICIPANT_REMOVED')
    await second.untilLog('bo went')

    await call.media.rooms.deleteRoom(call.room)
    await second.untilLog('disconnected ROOM_DELETED')
    await call.media.webhooks.untilLine(call.room, 'room_finished')
    const left = call.media.webhooks
      .linesOf(call.room)
      .filter((line) => line.startsWith('participant_'))
    expect(left).toEqual([
      'participant_joined ada',
      'participant_joined bo',
      'participant_left ada DUPLICATE_IDENTITY',
      'participant_joined ada',
      'participant_left bo PARTICIPANT_REMOVED',
      'participant_left ada ROOM_DELETED',
    ])
  })
}

interface PageCall {
  readonly media: MediaUnderTest
  readonly room: string
  readonly e2eeKey: string
  /** A page that has not joined. */
  open(): Promise<PagePerson>
  join(identity: string, e2eeKey?: string): Promise<PagePerson>
  close(): Promise<void>
}

function beginCall(
  media: MediaUnderTest,
  browser: Browser,
  singlePeerConnection: boolean,
): PageCall {
  rooms += 1
  const room = `page-${process.pid}-${rooms}`
  const e2eeKey = randomBytes(32).toString('base64')
  const people: PagePerson[] = []

  async function open(): Promise<PagePerson> {
    const person = await openPage(browser, page.url)
    people.push(person)
    return person
  }

  return {
    media,
    room,
    e2eeKey,
    open,
    async join(identity, key = e2eeKey) {
      const person = await open()
      const token = await tokenFor(media, room, identity)
      const request = { url: media.url, token, e2eeKey: key, singlePeerConnection }
      expect(await person.join(request)).toBeNull()
      await media.webhooks.untilLine(room, `participant_joined ${identity}`)
      return person
    },
    async close() {
      await Promise.all(people.map((person) => person.close()))
    },
  }
}

const adaFlows = (person: PagePerson) =>
  Promise.all([person.untilFlows('ada camera'), person.untilFlows('ada microphone')])

const bothFlow = (ada: PagePerson, bo: PagePerson) =>
  Promise.all([
    ada.untilFlows('bo camera'),
    ada.untilFlows('bo microphone'),
    bo.untilFlows('ada camera'),
    bo.untilFlows('ada microphone'),
  ])
