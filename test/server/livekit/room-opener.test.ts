import { pino } from 'pino'
import { beforeEach, expect, test, vi } from 'vitest'
import { createClock } from '../../../server/time/clock.ts'
import { createRoomOpener } from '../../../server/livekit/room-opener.ts'
import { createTroubles, type Troubles } from '../../../server/troubles.ts'

let asked: string[]
let answer: () => Promise<void>
let isTroubled: boolean
let troubles: Troubles

beforeEach(() => {
  asked = []
  answer = () => Promise.resolve()
  isTroubled = false
  troubles = createTroubles({ now: () => 1_000, log: pino({ level: 'silent' }) })
})

const open = () =>
  createRoomOpener({
    rooms: {
      openRoom(name) {
        asked.push(name)
        return answer()
      },
    },
    clock: createClock(Date.now),
    isTroubled: () => isTroubled,
    troubles,
  })

test('Ada’s and Bo’s joins at the same time ask for their room once, Cleo’s call for its own', async () => {
  const opener = open()
  await Promise.all([opener.open('adas'), opener.open('adas'), opener.open('cleos')])
  expect(asked).toEqual(['adas', 'cleos'])
  // LiveKit may have lost it since.
  await opener.open('adas')
  expect(asked).toEqual(['adas', 'cleos', 'adas'])
})

test('R54 a room that cannot be made fails no join: the cause stands in health until one is made', async () => {
  const opener = open()
  answer = () => Promise.reject(new Error('LiveKit answered 503 unavailable'))
  await opener.open('adas')
  expect(troubles.list()).toMatchObject([
    { part: 'livekit', code: 'livekit-room', message: expect.stringContaining('503 unavailable') },
  ])
  answer = () => Promise.resolve()
  await opener.open('adas')
  expect(asked).toEqual(['adas', 'adas'])
  expect(troubles.list()).toEqual([])
})

test('a LiveKit that is known to be away is not waited for; one that hangs for a second and a half', async () => {
  answer = () => new Promise(() => undefined)
  isTroubled = true
  const before = performance.now()
  await open().open('adas')
  expect(performance.now() - before).toBeLessThan(500)
  isTroubled = false
  await open().open('adas')
  expect(performance.now() - before).toBeGreaterThanOrEqual(1_490)
  expect(asked).toEqual(['adas', 'adas'])
})

test('R52 a LiveKit that is known to be away is asked once a second, however many join', async () => {
  answer = () => Promise.reject(new Error('LiveKit refuses'))
  isTroubled = true
  const opener = open()
  await opener.open('adas')
  await vi.waitFor(() => expect(troubles.list()).toHaveLength(1))
  for (const name of ['adas', 'bos', 'cleos']) await opener.open(name)
  expect(asked).toEqual(['adas'])
})
