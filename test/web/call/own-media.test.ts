import type { Room } from 'livekit-client'
import { ConnectionState, RoomEvent, Track } from 'livekit-client'
import { expect, test } from 'vitest'
import { guardedEvents } from '../../../web/livekit/guarded-events.ts'
import { followOwnMedia } from '../../../web/livekit/own-media.ts'
import type { VoiceConnectionEvent } from '../../../web/livekit/voice-connection.types.ts'

interface Published {
  source: Track.Source
  isMuted: boolean
  track: { mediaStreamTrack: { readyState: 'live' | 'ended' } }
}

/** Ada in a room of LiveKit's client, which does to her tracks what that client does. */
function ada() {
  const published = new Map<Track.Source, Published>()
  const handlers = new Map<string, ((...args: never[]) => void)[]>()
  const room = {
    state: ConnectionState.Connected,
    localParticipant: {
      isLocal: true,
      getTrackPublication: (source: Track.Source) => published.get(source),
    },
    on(event: string, handle: (...args: never[]) => void) {
      handlers.set(event, [...(handlers.get(event) ?? []), handle])
      return room
    },
  }
  const happens = (event: RoomEvent, ...args: unknown[]) => {
    for (const handle of handlers.get(event) ?? []) handle(...(args as never[]))
  }
  const told: string[] = []
  followOwnMedia({
    room: room as unknown as Room,
    on: guardedEvents(room as unknown as Room),
    emit: (event: VoiceConnectionEvent) => {
      if ('published' in event) told.push(`${event.type} ${event.published} ${event.cause}`)
    },
    changed: () => undefined,
  })
  const unpublish = (source: Track.Source, ends = false) => {
    const publication = published.get(source)!
    published.delete(source)
    if (ends) publication.track.mediaStreamTrack.readyState = 'ended'
    happens(RoomEvent.LocalTrackUnpublished, publication, room.localParticipant)
  }
  return {
    room,
    happens,
    unpublish,
    publish(source: Track.Source, isMuted = false) {
      const publication: Published = {
        source,
        isMuted,
        track: { mediaStreamTrack: { readyState: 'live' } },
      }
      published.set(source, publication)
      happens(RoomEvent.LocalTrackPublished, publication, room.localParticipant)
    },
    mute(source: Track.Source) {
      const publication = published.get(source)!
      publication.isMuted = true
      happens(RoomEvent.TrackMuted, publication, room.localParticipant)
    },
    async told() {
      await Promise.resolve()
      return told.splice(0)
    },
  }
}

const { Microphone, Camera, ScreenShare } = Track.Source

async function talking() {
  const page = ada()
  for (const source of [Microphone, Camera, ScreenShare]) page.publish(source)
  await page.told()
  return page
}

test('F19 LiveKit’s client gives up: all that it unpublishes on its way out is told to nobody', async () => {
  for (const state of [ConnectionState.Connected, ConnectionState.Reconnecting]) {
    const page = await talking()
    page.room.state = state
    // In one go, as it does.
    for (const source of [Microphone, Camera, ScreenShare]) page.unpublish(source, true)
    page.room.state = ConnectionState.Disconnected
    page.happens(RoomEvent.Disconnected)
    expect(await page.told()).toEqual([])
  }
})

test('F19 a repair unpublishes and publishes again: only what comes of it is told, as a loss', async () => {
  const page = await talking()
  page.room.state = ConnectionState.Reconnecting
  for (const source of [Microphone, Camera, ScreenShare]) page.unpublish(source)
  expect(await page.told()).toEqual([])
  page.publish(Microphone)
  page.publish(ScreenShare)
  page.room.state = ConnectionState.Connected
  page.happens(RoomEvent.Reconnected)
  expect(await page.told()).toEqual([
    'microphone.changed true loss',
    'camera.changed false loss',
    'screen.changed true loss',
  ])
})

test('F10 a device that ends, or LiveKit that takes a track, is told as such; muting by a device too, at any time', async () => {
  const page = await talking()
  page.unpublish(Camera)
  page.mute(Microphone)
  expect(await page.told()).toEqual([
    'microphone.changed false device',
    'camera.changed false device',
  ])
  page.room.state = ConnectionState.Reconnecting
  page.unpublish(ScreenShare, true)
  expect(await page.told()).toEqual(['screen.changed false device'])
})

test('a handler of ours that throws is reported as the page’s error and ends nothing of LiveKit’s client', () => {
  const reported: unknown[] = []
  const before = globalThis.reportError
  globalThis.reportError = (error: unknown) => void reported.push(error)
  try {
    const page = ada()
    const on = guardedEvents(page.room as unknown as Room)
    const heard: string[] = []
    on(RoomEvent.Reconnecting, () => {
      throw new Error('no rings')
    })
    on(RoomEvent.Reconnecting, () => heard.push('reconnecting'))
    page.happens(RoomEvent.Reconnecting)
    expect(heard).toEqual(['reconnecting'])
    expect(reported).toEqual([new Error('no rings')])
  } finally {
    globalThis.reportError = before
  }
})
