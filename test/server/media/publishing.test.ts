/**
 * What Firefox, Chromium, Safari and the native SDKs offer when they send, as it reaches the others. The
 * offers in `offers/` are those of the real clients, but for Safari's, which is written after WebKit's form.
 */
import { TrackSource, TrackType } from '@livekit/protocol'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { startMediaCarrier, type MediaCarrier } from '../../support/media-carrier.ts'
import { joinRaw, type RawMediaClient } from '../../support/raw-media-client.ts'
import { until } from '../../support/until.ts'

const firefox = read('firefox')
const chromium = read('chromium')
const rust = read('rust')
const safari = read('safari')

function read(name: string): string {
  return readFileSync(new URL(`offers/${name}.sdp`, import.meta.url), 'utf8')
}

let carrier: MediaCarrier
const clients: RawMediaClient[] = []

async function enter(identity: string, isSinglePeer: boolean): Promise<RawMediaClient> {
  const token = await carrier.token(identity, 'lounge')
  const client = await joinRaw(carrier.url, token, { isSinglePeer })
  clients.push(client)
  return client
}

async function meet(isSinglePeer: boolean): Promise<{ ada: RawMediaClient; bo: RawMediaClient }> {
  carrier = await startMediaCarrier()
  return { bo: await enter('bo', false), ada: await enter('ada', isSinglePeer) }
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  expect(carrier.warnings).toEqual([])
  await carrier.close()
})

/** A keyframe as VP8 begins it. */
const keyframe = (text: string) => `\x10\x10${text}`
const threeLayers = [{ quality: 0 }, { quality: 1 }, { quality: 2 }]
const microphone = (cid: string) => ({
  cid,
  type: TrackType.AUDIO,
  source: TrackSource.MICROPHONE,
})
const camera = (cid: string) => ({
  cid,
  type: TrackType.VIDEO,
  source: TrackSource.CAMERA,
  width: 1280,
  height: 720,
  layers: threeLayers,
})
const screen = (cid: string) => ({
  cid,
  type: TrackType.VIDEO,
  source: TrackSource.SCREEN_SHARE,
  width: 1920,
  height: 1080,
  layers: [{ quality: 2 }],
})

/** Says what Ada sends until Bo has it, of the track that he was told of. */
async function arrives(
  { ada, bo }: { ada: RawMediaClient; bo: RawMediaClient },
  source: TrackSource,
  packets: Parameters<RawMediaClient['send']>[0][],
): Promise<string[]> {
  const payload = packets[0]?.payload ?? ''
  return until(`${TrackSource[source]} arrives`, 5_000, () => {
    for (const packet of packets) ada.send(packet)
    const track = bo.tracksOf('ada').find((one) => one.source === source)
    const arrived = track ? bo.payloadsOf(track.sid) : []
    return arrived.includes(payload) ? arrived : null
  })
}

describe.each([
  { connections: 'one peer connection', isSinglePeer: true },
  { connections: 'two peer connections', isSinglePeer: false },
])('with $connections', ({ isSinglePeer }) => {
  test.each([
    {
      form: 'Firefox, which names its tracks as it likes, and the streams of all its layers',
      sdp: firefox,
      cids: ['{ddda156b-5a13-4d92-a6b7-6e1f9c0d2b11}', '{0b6c2f5e-91c4-4f0a-8a7e-3d5c1e2f4a66}'],
      sound: { ssrc: 2473481510, payloadType: 109, extensions: { 3: '7' }, payload: 'sound' },
      // It sends the layer that was asked for in the stream that it lists first.
      picture: {
        ssrc: 2428164100,
        payloadType: 120,
        extensions: { 3: '8', 9: 'f' },
        payload: keyframe('picture'),
      },
      answeredRids: ['q', 'f'],
    },
    {
      form: 'Chromium',
      sdp: chromium,
      cids: ['0fb7125f-2a17-451b-9975-de2882dfdd3f', '712b3551-fdbc-436d-ae84-cce37dbacd95'],
      sound: { ssrc: 418953473, payloadType: 111, extensions: { 4: '7' }, payload: 'sound' },
      picture: {
        ssrc: 77,
        payloadType: 96,
        extensions: { 4: '8', 10: 'f' },
        payload: keyframe('picture'),
      },
      answeredRids: ['q', 'f'],
    },
    {
      form: 'Safari',
      sdp: safari,
      cids: ['6C0C3C3A-5F2B-4F0F-8A53-0E5B7C1D2E3F', '9A4D2B61-77E5-4C1F-9D0B-2E6A8F3C5B7D'],
      sound: { ssrc: 1736482915, payloadType: 111, payload: 'sound' },
      picture: {
        ssrc: 77,
        payloadType: 100,
        extensions: { 4: '2', 10: 'f' },
        payload: keyframe('picture'),
      },
      answeredRids: ['q', 'f'],
    },
    {
      form: 'the Rust SDK, which lists its best layer first',
      sdp: rust,
      cids: ['78ee5129-3171-4461-b0fc-8954941b16fa', '632f06d4-51ed-4629-be5e-27dfbe607db2'],
      sound: { ssrc: 2971737544, payloadType: 111, payload: 'sound' },
      picture: {
        ssrc: 77,
        payloadType: 96,
        extensions: { 4: '8', 10: 'f' },
        payload: keyframe('picture'),
      },
      answeredRids: ['f', 'q'],
    },
  ])('Bo hears and sees $form', async ({ sdp, cids, sound, picture, answeredRids }) => {
    const both = await meet(isSinglePeer)
    await both.ada.announce(microphone(cids[0] ?? ''))
    await both.ada.announce(camera(cids[1] ?? ''))
    const answer = await both.ada.offer(sdp)
    expect(answer).toContain(`a=simulcast:recv ${answeredRids.join(';')}\r\n`)
    for (const rid of answeredRids) expect(answer).toContain(`a=rid:${rid} recv\r\n`)
    await arrives(both, TrackSource.MICROPHONE, [sound])
    await arrives(both, TrackSource.CAMERA, [picture])
  })
})

describe('which track a section carries', () => {
  const cids = { sound: 'cid-of-sound', picture: 'cid-of-picture', screen: 'cid-of-screen' }
  const sound = { ssrc: 2473481510, payloadType: 109, extensions: { 3: '7' }, payload: 'sound' }
  const layer = (ssrc: number, rid: string) => ({
    ssrc,
    payloadType: 120,
    extensions: { 3: '8', 9: rid },
    payload: keyframe(rid),
  })
  /** Of a section that Firefox would add: one layer, and a name that nobody has heard of. */
  const oneLayer = {
    ssrc: 4711,
    payloadType: 120,
    extensions: { 3: '9' },
    payload: keyframe('one layer'),
  }
  const pictureSection = firefox.slice(firefox.lastIndexOf('m=video'))
  const withScreen = (at: 'before' | 'after') => {
    const added = pictureSection
      .replace('a=mid:8', 'a=mid:9')
      .replace(/^a=(rid|simulcast|ssrc|ssrc-group|msid):.*\n/gm, '')
      .replace('a=mid:9', 'a=mid:9\na=msid:{s} {fresh}\na=ssrc:4711 cname:x')
    const head = firefox.slice(0, firefox.lastIndexOf('m=video'))
    const sections = at === 'before' ? [added, pictureSection] : [pictureSection, added]
    return [head, ...sections].join('').replace('BUNDLE', 'BUNDLE 9')
  }

  test('of several layers only the best goes on, whichever stream is listed first', async () => {
    const both = await meet(true)
    await both.ada.announce(camera(cids.picture))
    await both.ada.offer(firefox)
    const arrived = await arrives(both, TrackSource.CAMERA, [
      layer(2154373554, 'f'),
      layer(2428164100, 'q'),
      layer(425837481, 'h'),
    ])
    expect(new Set(arrived)).toEqual(new Set([keyframe('f')]))
  })

  test('layers without names: the best one of their group goes on', async () => {
    const both = await meet(true)
    await both.ada.announce(camera(cids.picture))
    const unnamed = firefox
      .replace(/^a=(rid|simulcast):.*\n/gm, '')
      .replace('a=ssrc-group', 'a=ssrc-group:SIM 2428164100 425837481 2154373554\na=ssrc-group')
    await both.ada.offer(unnamed)
    const packet = (ssrc: number) => ({
      ...oneLayer,
      ssrc,
      payload: keyframe(`${ssrc}`),
      extensions: { 3: '8' },
    })
    const arrived = await arrives(both, TrackSource.CAMERA, [
      packet(2154373554),
      packet(2428164100),
      packet(425837481),
    ])
    expect(new Set(arrived)).toEqual(new Set([keyframe('2154373554')]))
  })

  test('a track that is announced after its offer is found', async () => {
    const both = await meet(true)
    await both.ada.offer(firefox)
    both.ada.send(sound)
    await both.ada.announce(microphone(cids.sound))
    await both.ada.announce(camera(cids.picture))
    await arrives(both, TrackSource.MICROPHONE, [sound])
    await arrives(both, TrackSource.CAMERA, [layer(2154373554, 'f')])
  })

  test('packets without their section’s number are known by the streams that it lists', async () => {
    const both = await meet(true)
    await both.ada.announce(microphone(cids.sound))
    await both.ada.announce(camera(cids.picture))
    await both.ada.offer(firefox)
    await arrives(both, TrackSource.MICROPHONE, [{ ...sound, extensions: {} }])
    await arrives(both, TrackSource.CAMERA, [{ ...layer(2428164100, 'f'), extensions: { 9: 'f' } }])
  })

  test('camera and screen at once: the one with as many layers, else the first', async () => {
    const both = await meet(true)
    await both.ada.announce(camera(cids.picture))
    await both.ada.announce(screen(cids.screen))
    await both.ada.offer(withScreen('before'))
    await arrives(both, TrackSource.CAMERA, [layer(2154373554, 'f')])
    await arrives(both, TrackSource.SCREEN_SHARE, [oneLayer])
  })

  test('a section keeps its track when another is announced and added', async () => {
    const both = await meet(true)
    await both.ada.announce(camera(cids.picture))
    await both.ada.offer(firefox)
    await arrives(both, TrackSource.CAMERA, [layer(2428164100, 'f')])
    const [before] = both.bo.tracksOf('ada')
    await both.ada.announce({ ...screen(cids.screen), layers: threeLayers })
    await both.ada.offer(firefox)
    await both.ada.offer(withScreen('before'))
    await arrives(both, TrackSource.SCREEN_SHARE, [oneLayer])
    const again = { ...layer(2428164100, 'f'), payload: keyframe('again') }
    await arrives(both, TrackSource.CAMERA, [again])
    expect(both.bo.tracksOf('ada')[0]?.sid).toBe(before?.sid)
  })

  test('a section that pauses gives its track up, and serves for the next', async () => {
    const both = await meet(true)
    await both.ada.announce(camera(cids.picture))
    await both.ada.offer(firefox)
    await arrives(both, TrackSource.CAMERA, [layer(2428164100, 'f')])
    const paused = firefox.replace(
      pictureSection,
      pictureSection.replace('a=sendonly', 'a=inactive'),
    )
    await both.ada.offer(paused)
    await until('Bo has no picture', 5_000, () => both.bo.tracksOf('ada').length === 0)
    await both.ada.announce({ ...camera('another cid'), source: TrackSource.SCREEN_SHARE })
    await both.ada.offer(firefox)
    await arrives(both, TrackSource.SCREEN_SHARE, [layer(2428164100, 'f')])
  })

  test('a section’s place is used again under another number', async () => {
    const both = await meet(true)
    await both.ada.announce(camera(cids.picture))
    await both.ada.offer(firefox)
    await arrives(both, TrackSource.CAMERA, [layer(2428164100, 'f')])
    await both.ada.announce(screen(cids.screen))
    const other = withScreen('after').replace(pictureSection, '')
    const answer = await both.ada.offer(other.replace('BUNDLE 9 0 3 6 7 8', 'BUNDLE 0 3 6 7 9'))
    expect(answer).toContain('a=mid:9\r\n')
    await arrives(both, TrackSource.SCREEN_SHARE, [oneLayer])
    expect(both.bo.tracksOf('ada').map(({ source }) => source)).toEqual([TrackSource.SCREEN_SHARE])
  })

  test('a track that moves to another section in one offer is not given up', async () => {
    const both = await meet(true)
    await both.ada.announce(camera('{fresh}'))
    await both.ada.offer(firefox)
    await arrives(both, TrackSource.CAMERA, [layer(2428164100, 'f')])
    const [before] = both.bo.tracksOf('ada')
    const paused = pictureSection.replace('a=sendonly', 'a=inactive')
    await both.ada.offer(withScreen('after').replace(pictureSection, paused))
    // Another stream of the same track begins with a keyframe.
    await arrives(both, TrackSource.CAMERA, [{ ...oneLayer, payload: '\x10\x00one layer' }])
    expect(both.bo.tracksOf('ada')[0]?.sid).toBe(before?.sid)
  })

  test('a guess is taken back when the track with that name is announced', async () => {
    const both = await meet(true)
    const named = firefox.replace('{cfae8fe3-34aa-4099-bc8e-e1252d8bdcec}', cids.picture)
    await both.ada.offer(named)
    await both.ada.announce(screen(cids.screen))
    await both.ada.announce(camera(cids.picture))
    await arrives(both, TrackSource.CAMERA, [layer(2428164100, 'f')])
    expect(both.bo.tracksOf('ada').map(({ source }) => source)).toEqual([TrackSource.CAMERA])
  })

  test('the name may stand at the streams only', async () => {
    const both = await meet(true)
    await both.ada.announce(microphone('another microphone'))
    await both.ada.announce({
      ...microphone('6C0C3C3A-5F2B-4F0F-8A53-0E5B7C1D2E3F'),
      source: TrackSource.SCREEN_SHARE_AUDIO,
    })
    await both.ada.offer(safari.replace(/^a=msid:.*\n/gm, ''))
    const packet = { ssrc: 1736482915, payloadType: 111, payload: 'sound' }
    await arrives(both, TrackSource.SCREEN_SHARE_AUDIO, [packet])
  })
})
