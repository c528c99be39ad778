/** People in a call on the embedded media server, with LiveKit's client for Node: real sound and picture, encrypted. */
import '../../support/rtc-quiet.ts'
import { TrackSource, TrackType } from '@livekit/protocol'
import {
  LocalVideoTrack,
  RoomEvent,
  TrackSource as RtcTrackSource,
  TrackPublishOptions,
  VideoCodec,
  VideoStream,
} from '@livekit/rtc-node'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { startMediaCarrier, type MediaCarrier } from '../../support/media-carrier.ts'
import { feedPicture } from '../../support/rtc-media.ts'
import { disposeRtc, joinAsPerson, type RtcPerson } from '../../support/rtc-person.ts'
import { until } from '../../support/until.ts'

const key = 'the key of the call'
let carrier: MediaCarrier
const people: RtcPerson[] = []

async function enter(identity: string, e2eeKey = key): Promise<RtcPerson> {
  const token = await carrier.token(identity, 'lounge')
  const person = await joinAsPerson({ livekitUrl: carrier.url, token, e2eeKey })
  people.push(person)
  return person
}

afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.leave()))
  expect(carrier.warnings).toEqual([])
  await carrier.close()
})
afterAll(disposeRtc)

describe.each([
  { connections: 'one peer connection', isOld: false },
  { connections: 'two peer connections', isOld: true },
])('with $connections', ({ isOld }) => {
  test('Ada and Bo hear and see each other', async () => {
    carrier = await startMediaCarrier({ isOld })
    const ada = await enter('ada')
    const bo = await enter('bo')
    await Promise.all([ada.playTone(440), ada.showPicture(), bo.playTone(880), bo.showPicture()])
    await Promise.all([
      ada.untilHears('bo', 880),
      bo.untilHears('ada', 440),
      ada.untilPictures('bo', 15),
      bo.untilPictures('ada', 15),
    ])
    expect(carrier.requests.at(-1)).toContain(isOld ? '/rtc?' : '/rtc/v1?')
  })

  test('Cleo comes late and gets what Ada and Bo have been sending for a while', async () => {
    carrier = await startMediaCarrier({ isOld })
    const ada = await enter('ada')
    const bo = await enter('bo')
    await Promise.all([ada.playTone(440), ada.showPicture(), bo.playTone(880), bo.showPicture()])
    await Promise.all([ada.untilPictures('bo', 5), bo.untilPictures('ada', 5)])
    const cleo = await enter('cleo')
    await cleo.showPicture()
    await Promise.all([
      cleo.untilHears('ada', 440),
      cleo.untilHears('bo', 880),
      cleo.untilPictures('ada', 10),
      cleo.untilPictures('bo', 10),
      ada.untilPictures('cleo', 10),
      bo.untilPictures('cleo', 10),
    ])
    expect(cleo.others().sort()).toEqual(['ada', 'bo'])
  })

  test('Eve with the wrong key sees nothing, and takes nobody’s picture down by asking', async () => {
    carrier = await startMediaCarrier({ isOld })
    const ada = await enter('ada')
    const bo = await enter('bo')
    const eve = await enter('eve', 'not the key')
    await Promise.all([ada.playTone(440), ada.showPicture()])
    await bo.untilPictures('ada', 30)
    expect(eve.others()).toContain('ada')
    expect(eve.picturesOf('ada')).toBe(0)
    expect(eve.hears('ada', 440)).toBe(false)
  })

  test('Ada mutes herself: Bo is told, hears nothing, and hears her again afterwards', async () => {
    carrier = await startMediaCarrier({ isOld })
    const ada = await enter('ada')
    const bo = await enter('bo')
    await ada.playTone(440)
    await bo.untilHears('ada', 440)
    ada.muteTone(true)
    await until('Bo sees that Ada is muted', 5_000, () => bo.isMuted('ada') === true)
    await until('Bo hears nothing', 5_000, () => !bo.hears('ada', 440))
    ada.muteTone(false)
    await until('Bo sees that she is not', 5_000, () => bo.isMuted('ada') === false)
    await bo.untilHears('ada', 440)
  })

  test('Ada’s camera goes off and on again, three times, and Bo sees her each time', async () => {
    carrier = await startMediaCarrier({ isOld })
    const ada = await enter('ada')
    const bo = await enter('bo')
    await ada.playTone(440)
    for (let round = 1; round <= 3; round += 1) {
      await ada.showPicture()
      await bo.untilPictures('ada', 5)
      const me = ada.room.localParticipant
      for (const { kind, sid } of me?.trackPublications.values() ?? []) {
        // Of rtc-node's own kinds: 2 is video.
        if (kind === 2 && sid) await me?.unpublishTrack(sid)
      }
      await until('Bo has no picture of Ada any more', 5_000, () => {
        const tracks = [
          ...(bo.room.remoteParticipants.get('ada')?.trackPublications.values() ?? []),
        ]
        return tracks.length === 1
      })
    }
    await bo.untilHears('ada', 440)
    const videos = carrier.events.filter(({ track }) => track?.type === TrackType.VIDEO)
    expect(videos.map(({ event }) => event)).toEqual(
      Array.from({ length: 3 }, () => ['track_published', 'track_unpublished']).flat(),
    )
  })

  test('Ada shows her screen beside her camera, and Bo gets both', async () => {
    carrier = await startMediaCarrier({ isOld })
    const ada = await enter('ada')
    const bo = await enter('bo')
    const pictures = new Map<string, number>()
    bo.room.on(RoomEvent.TrackSubscribed, (track, { name }) => {
      void (async () => {
        for await (const _picture of new VideoStream(track))
          pictures.set(name ?? '', (pictures.get(name ?? '') ?? 0) + 1)
      })()
    })
    await ada.showPicture()
    const screen = feedPicture()
    try {
      await ada.room.localParticipant?.publishTrack(
        LocalVideoTrack.createVideoTrack('screen', screen.source),
        new TrackPublishOptions({
          source: RtcTrackSource.SOURCE_SCREENSHARE,
          videoCodec: VideoCodec.VP8,
          simulcast: false,
        }),
      )
      await until('Bo has ten pictures of both', 15_000, () =>
        ['camera', 'screen'].every((name) => (pictures.get(name) ?? 0) >= 10),
      )
      const tracks = carrier.server.rooms.participant('lounge', 'ada')?.tracks ?? []
      expect(tracks.map(({ source }) => source)).toEqual([
        TrackSource.CAMERA,
        TrackSource.SCREEN_SHARE,
      ])
    } finally {
      await screen.stop()
    }
  })

  test('the server says who speaks, and when nobody does any more', async () => {
    carrier = await startMediaCarrier({ isOld })
    const ada = await enter('ada')
    const bo = await enter('bo')
    const speaking: string[][] = []
    bo.room.on('activeSpeakersChanged', (speakers) => {
      speaking.push(speakers.map(({ identity }) => identity))
    })
    await ada.playTone(440)
    await until('Ada speaks', 8_000, () => speaking.at(-1)?.includes('ada'))
    ada.muteTone(true)
    await until('nobody speaks', 8_000, () => speaking.at(-1)?.length === 0)
  })
})

test('events come in LiveKit’s order, with the track and the reason', async () => {
  carrier = await startMediaCarrier({ times: { departureTimeoutS: 1 } })
  const ada = await enter('ada')
  const bo = await enter('bo')
  await ada.playTone(440)
  await bo.untilHears('ada', 440)
  await ada.leave()
  await carrier.untilEvent('participant_left', 'ada')
  await bo.leave()
  await carrier.untilEvent('room_finished')
  expect(
    carrier.events.map(({ event, participant }) =>
      `${event} ${participant?.identity ?? ''}`.trim(),
    ),
  ).toEqual([
    'room_started',
    'participant_joined ada',
    'participant_joined bo',
    'track_published ada',
    'track_unpublished ada',
    'participant_left ada',
    'participant_left bo',
    'room_finished',
  ])
  const published = carrier.events.find(({ event }) => event === 'track_published')
  expect(published?.track?.source).toBe(TrackSource.MICROPHONE)
  expect(published?.track?.mimeType).toBe('audio/opus')
})
