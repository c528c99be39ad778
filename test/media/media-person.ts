/**
 * A person with LiveKit's client for Node who keeps a log of everything that the client says, to be
 * compared between two media servers. Tracks are named by what they are for: camera, microphone,
 * screen, screen-audio.
 */
import '../support/rtc-quiet.ts'
import {
  AudioStream,
  DataPacketKind,
  DisconnectReason,
  EncryptionType,
  LocalAudioTrack,
  LocalVideoTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  VideoCodec,
  VideoStream,
  dispose,
  type LocalTrack,
  type LocalTrackPublication,
  type RemoteTrack,
} from '@livekit/rtc-node'
import {
  feedPicture,
  feedTone,
  isTone,
  sampleRate,
  type PictureFeed,
  type ToneFeed,
} from '../support/rtc-media.ts'
import { setTrackMuted } from '../support/rtc-native.ts'
import { until } from '../support/until.ts'

const answerTimeoutMs = 15_000
const mediaTimeoutMs = 25_000
/** The ear remembers half a second in pieces of this length. */
const earFrameMs = 50
const earFrames = 10

const sources = {
  camera: TrackSource.SOURCE_CAMERA,
  microphone: TrackSource.SOURCE_MICROPHONE,
  screen: TrackSource.SOURCE_SCREENSHARE,
  'screen-audio': TrackSource.SOURCE_SCREENSHARE_AUDIO,
} as const
export type Source = keyof typeof sources

/** LiveKit's two signalling protocols: two peer connections (v0) or one (v1). */
export type Path = 'v0' | 'v1'

export interface JoinRequest {
  url: string
  token: string
  /** Null: neither encrypts nor decrypts. */
  e2eeKey: string | null
  path?: Path
}

export interface ReceivedData {
  from: string
  text: string
  topic: string
  kind: 'reliable' | 'lossy'
}

interface Published {
  publication: LocalTrackPublication
  track: LocalTrack
  feed: PictureFeed | ToneFeed
}

/** What arrived of one track. */
interface Arrived {
  pictures: number
  size: string
  pieces: Int16Array[]
}

export type MediaPerson = Awaited<ReturnType<typeof joinMedia>>

/** Rejects when the server does not let the person in. */
export async function joinMedia({ url, token, e2eeKey, path = 'v1' }: JoinRequest) {
  const room = new Room()
  const log: string[] = []
  const data: ReceivedData[] = []
  const speakers: string[][] = []
  const arrived = new Map<string, Arrived>()
  const published = new Map<Source, Published>()

  room
    .on(RoomEvent.ParticipantConnected, ({ identity }) => log.push(`${identity} came`))
    .on(RoomEvent.ParticipantDisconnected, ({ identity }) => log.push(`${identity} went`))
    .on(RoomEvent.TrackPublished, (track, { identity }) =>
      log.push(`${identity} published ${nameOf(track.source)}`),
    )
    .on(RoomEvent.TrackUnpublished, (track, { identity }) =>
      log.push(`${identity} unpublished ${nameOf(track.source)}`),
    )
    .on(RoomEvent.TrackSubscribed, (track, { source }, { identity }) => {
      log.push(`subscribed ${identity} ${nameOf(source)}`)
      const into = arrivedOf(identity, nameOf(source))
      const read = track.kind === TrackKind.KIND_VIDEO ? watch(track, into) : listen(track, into)
      // A stream that breaks off with its room is no news.
      read.catch(() => undefined)
    })
    .on(RoomEvent.TrackMuted, (track, { identity }) =>
      log.push(`${identity} muted ${nameOf(track.source)}`),
    )
    .on(RoomEvent.TrackUnmuted, (track, { identity }) =>
      log.push(`${identity} unmuted ${nameOf(track.source)}`),
    )
    .on(RoomEvent.ActiveSpeakersChanged, (now) =>
      speakers.push(now.map(({ identity }) => identity)),
    )
    .on(RoomEvent.Reconnecting, () => log.push('reconnecting'))
    .on(RoomEvent.Reconnected, () => log.push('reconnected'))
    .on(RoomEvent.Disconnected, (reason) => log.push(`disconnected ${DisconnectReason[reason]}`))
    .on(RoomEvent.DataReceived, (payload, from, kind, topic) =>
      data.push({
        from: from?.identity ?? '',
        text: new TextDecoder().decode(payload),
        topic: topic ?? '',
        kind: kind === DataPacketKind.KIND_RELIABLE ? 'reliable' : 'lossy',
      }),
    )

  function arrivedOf(identity: string, source: string): Arrived {
    const key = `${identity} ${source}`
    const known = arrived.get(key) ?? { pictures: 0, size: '', pieces: [] }
    arrived.set(key, known)
    return known
  }

  async function watch(track: RemoteTrack, into: Arrived): Promise<void> {
    for await (const { frame } of new VideoStream(track)) {
      into.pictures += 1
      into.size = `${frame.width}x${frame.height}`
    }
  }

  async function listen(track: RemoteTrack, into: Arrived): Promise<void> {
    const format = { sampleRate, numChannels: 1, frameSizeMs: earFrameMs }
    for await (const piece of new AudioStream(track, format)) {
      into.pieces = [...into.pieces, piece.data].slice(-earFrames)
    }
  }

  const options = {
    autoSubscribe: true,
    dynacast: false,
    singlePeerConnection: path === 'v1',
    ...(e2eeKey === null ? {} : { encryption: encryptionWith(e2eeKey) }),
  }
  await inTime('connecting', room.connect(url, token, options))

  function me() {
    if (!room.localParticipant) throw new Error('not connected')
    return room.localParticipant
  }
  const { identity } = me()

  async function publish(source: Source, track: LocalTrack, feed: Published['feed']) {
    const asked = me().publishTrack(
      track,
      new TrackPublishOptions({
        source: sources[source],
        videoCodec: VideoCodec.VP8,
        simulcast: false,
        dtx: false,
      }),
    )
    const publication = await inTime(`publishing ${source}`, asked)
    published.set(source, { publication, track, feed })
    return publication
  }

  function mine(source: Source): Published {
    const found = published.get(source)
    if (!found) throw new Error(`${identity} publishes no ${source}`)
    return found
  }

  function hears(whose: string, hz: number, source: Source = 'microphone'): boolean {
    const { pieces } = arrivedOf(whose, source)
    return pieces.filter((piece) => isTone(piece, hz)).length > earFrames / 2
  }

  const picturesOf = (whose: string, source: Source = 'camera') => arrivedOf(whose, source).pictures

  return {
    identity,
    room,
    /** In the order in which the client said it. */
    log,
    data,
    /** Every list of active speakers that the server gave. */
    speakers,
    picturesOf,
    hears,
    get sid() {
      return me().sid ?? ''
    },
    me,
    /** `320x180` of the last picture. */
    sizeOf: (whose: string, source: Source = 'camera') => arrivedOf(whose, source).size,
    others: () => [...room.remoteParticipants.keys()].toSorted(),
    /** What the server says about that person's tracks, by source. */
    tracksOf(whose: string) {
      const publications = room.remoteParticipants.get(whose)?.trackPublications.values() ?? []
      return [...publications]
        .map(({ source, muted, subscribed, mimeType, encryptionType, simulcasted }) => ({
          source: nameOf(source),
          muted,
          subscribed,
          mimeType,
          simulcasted,
          encrypted: encryptionType === EncryptionType.GCM,
        }))
        .toSorted((a, b) => a.source.localeCompare(b.source))
    },
    sidOf: (source: Source) => mine(source).publication.sid ?? '',
    show(source: 'camera' | 'screen', width?: number, height?: number) {
      const feed = feedPicture(width, height)
      return publish(source, LocalVideoTrack.createVideoTrack(source, feed.source), feed)
    },
    play(hz: number, source: 'microphone' | 'screen-audio' = 'microphone') {
      const feed = feedTone(hz)
      return publish(source, LocalAudioTrack.createAudioTrack(source, feed.source), feed)
    },
    /** Another camera: the track stays, its pictures have another size. */
    switchCamera(width: number, height: number) {
      const { feed } = mine('camera')
      if ('resize' in feed) feed.resize(width, height)
    },
    switchMicrophone(hz: number) {
      const { feed } = mine('microphone')
      if ('play' in feed) feed.play(hz)
    },
    mute(source: Source, muted: boolean) {
      setTrackMuted(mine(source).track, muted)
    },
    async unpublish(source: Source) {
      const { publication, feed } = mine(source)
      published.delete(source)
      await inTime(`unpublishing ${source}`, me().unpublishTrack(publication.sid ?? ''))
      await feed.stop()
    },
    /** Further pictures, counted from now. */
    async untilPictures(whose: string, more = 5, source: Source = 'camera') {
      const have = picturesOf(whose, source)
      await until(
        `${identity} sees ${more} more pictures of ${whose}’s ${source} after ${have}`,
        mediaTimeoutMs,
        () => picturesOf(whose, source) >= have + more,
      )
    },
    untilHears: (whose: string, hz: number, source: Source = 'microphone') =>
      until(`${identity} hears ${hz} Hz of ${whose}`, mediaTimeoutMs, () =>
        hears(whose, hz, source),
      ),
    /** Waits for a line of the log after the first `from` ones. */
    async untilLog(line: string, from = 0) {
      try {
        await until(line, mediaTimeoutMs, () => log.includes(line, from))
      } catch (error) {
        throw new Error(`${identity} has no “${line}” but ${log.slice(from).join(', ')}`, {
          cause: error,
        })
      }
    },
    async untilDisconnected() {
      return until(`${identity} is disconnected`, mediaTimeoutMs, () =>
        log.find((line) => line.startsWith('disconnected ')),
      )
    },
    /** Hangs up. May be called twice, and after the server has hung up. */
    async leave() {
      const wasConnected = room.isConnected
      const feeds = [...published.values()].map(({ feed }) => feed)
      published.clear()
      await Promise.all(feeds.map((feed) => feed.stop()))
      if (wasConnected) await inTime('hanging up', room.disconnect())
    },
  }
}

/** Once, when all people have left: the process could not end otherwise. */
export async function disposeMediaPeople(): Promise<void> {
  await dispose()
}

function nameOf(source: TrackSource | undefined): string {
  const found = Object.entries(sources).find(([, known]) => known === source)
  return found?.[0] ?? `source ${String(source)}`
}

/** Like the pages: a key is never ratcheted, and never given up (R45). */
function encryptionWith(e2eeKey: string) {
  const sharedKey = new TextEncoder().encode(e2eeKey)
  return {
    keyProviderOptions: {
      sharedKey,
      ratchetWindowSize: 0,
      failureTolerance: -1,
      keyRingSize: 16,
    },
  }
}

async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} took more than ${answerTimeoutMs} ms`))
    }, answerTimeoutMs)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
