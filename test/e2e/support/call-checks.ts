/** What is true of a call, seen by the people in it. */
import { expect, type Page } from '@playwright/test'
import type { Fact } from '../../../server/protocol/wire.ts'
import { until } from '../../support/until.ts'
import { joinCall, openRoom, roomOf, turnCameraOn, type Person } from './person.ts'
import { receivedMedia, type ReceivedMedia } from './received-media.ts'

const none: ReceivedMedia = { frames: 0, energy: 0, videoBytes: 0, undecoded: 0 }

/** Frames and energy both grew beyond what was there. */
export async function grows(
  person: Person,
  least = none,
  frames = 20,
  withinMs = 90_000,
): Promise<ReceivedMedia> {
  return until(`${person.name} sees and hears`, withinMs, async () => {
    const media = await receivedMedia(person.page)
    return media.frames >= least.frames + frames && media.energy > least.energy + 0.05
      ? media
      : null
  })
}

/** They come into the room's call one after the other, with their cameras, until each sees and hears. */
export async function talk(people: readonly Person[]): Promise<void> {
  for (const person of people) await openRoom(person)
  for (const person of people) await joinCall(person)
  for (const person of people) await turnCameraOn(person)
  for (const person of people) await grows(person)
}

/** `Ada connected,Bo connected`, as our server has it. */
export async function standingIn(watcher: Person, room = 'general'): Promise<string> {
  const { call } = await roomOf(watcher, room)
  const states = call?.participants.map(({ displayName, state }) => `${displayName} ${state}`) ?? []
  return states.toSorted().join()
}

export async function untilConnected(
  watcher: Person,
  names: string[],
  { room = 'general', withinMs = 40_000 } = {},
): Promise<void> {
  const wanted = names.map((name) => `${name} connected`).join()
  await until(`${wanted}, says our server`, withinMs, async () => {
    return (await standingIn(watcher, room)) === wanted
  })
}

export async function isEncrypted(person: Person): Promise<void> {
  await expect(person.page.getByRole('button', { name: /^Encrypted/ })).toBeVisible()
}

/** Facts of which there must be none when nothing happened but an interruption. */
export const upheavals = (facts: Fact[]) =>
  facts.filter(({ type }) =>
    ['call.started', 'call.ended', 'participant.joined', 'participant.left'].includes(type),
  )

/** The page's signalling connections, all that it opens from now on. */
export function watchSignalling(page: Page): { opened: number; isUp(): boolean } {
  const sockets: { isClosed(): boolean }[] = []
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).pathname.startsWith('/livekit/rtc')) sockets.push(socket)
  })
  return {
    get opened() {
      return sockets.length
    },
    isUp: () => sockets.some((socket) => !socket.isClosed()),
  }
}
