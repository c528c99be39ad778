/**
 * A person with a real WebRTC client but no browser: LiveKit's own for Node. Joins, shows a moving
 * picture, plays a tone, counts the pictures and knows the tones of the others, encrypted or not.
 */
import './rtc-quiet.ts'
import {
  AudioStream,
  DisconnectReason,
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
  type RemoteTrack,
} from '@livekit/rtc-node'
import { feedPicture, feedTone, isTone, sampleRate, type Feed } from './rtc-media.ts'
import { sendWithKey, setSharedKey, setTrackMuted } from './rtc-native.ts'
import { until } from './until.ts'

const connectTimeoutMs = 10_000
const mediaTimeoutMs = 15_000
/** The ear remembers a second in pieces of this length. */
const earFrameMs = 50
const earFrames = 20

export interface JoinAsPerson {
  livekitUrl: string
  token: string
  /** As the server gives it, base64; without one the person does not encrypt. */
  e2eeKey?: string
  keyEpoch?: number
}

export interface RtcPerson {
  readonly identity: string
  /** Of the present media session; LiveKit gives a new one after a full reconnect. */
  readonly participantSid: string
  /** LiveKit's name for why it is over; null while it is not. */
  readonly disconnectReason: string | null
  /** LiveKit's client itself, for what is not wrapped here (`simulateScenario`, data). */
  readonly room: Room
  showPicture(): Promise<void>
  playTone(hz: number): Promise<void>
  /** As the others see it: the track stays, marked as muted. */
  muteTone(muted: boolean): void
  /** Identities of the others in LiveKit's room. */
  others(): string[]
  /** Whether that person's microphone is marked as muted; null when there is none. */
  isMuted(identity: string): boolean | null
  /** Pictures of that person that could be decoded so far. */
  picturesOf(identity: string): number
  hears(identity: string, hz: number): boolean
  /** Waits for that many further pictures. */
  untilPictures(identity: string, more: number): Promise<void>
  untilHears(identity: string, hz: number): Promise<void>
  untilDisconnected(): Promise<string>
  /** Takes a new key at once and sends with it, too (R45; pages wait 2 s before they send). */
  takeKey(e2eeKey: string, keyEpoch: number): void
  /** Hangs up. May be called twice, and after LiveKit has hung up. */
  leave(): Promise<void>
}

const passphrase = (e2eeKey: string) => new TextEncoder().encode(e2eeKey)
const keyRingSize = 16
/** Like the pages: a key is never ratcheted, and never given up (R45). */
const keyOptions = { ratchetWindowSize: 0, failureTolerance: -1, keyRingSize }

/** Rejects when LiveKit does not let the person in. */
export async function joinAsPerson(request: JoinAsPerson): Promise<RtcPerson> {
  const { livekitUrl, token, e2eeKey, keyEpoch = 0 } = request
  const room = new Room()
  const pictures = new Map<string, number>()
  const ears = new Map<string, Int16Array[]>()
  const feeds: Feed<unknown>[] = []
  let tone: LocalAudioTrack | null = null
  let keyIndex = 0
  let disconnectReason: string | null = null

  room.on(RoomEvent.TrackSubscribed, (track, _publication, { identity }) => {
    const read =
      track.kind === TrackKind.KIND_VIDEO ? watch(track, identity) : listen(track, identity)
    // A stream that breaks off with its room is no news.
    read.catch(() => undefined)
  })
  room.on(RoomEvent.Disconnected, (reason) => {
    disconnectReason = DisconnectReason[reason]
  })

  async function watch(track: RemoteTrack, identity: string): Promise<void> {
    for await (const _picture of new VideoStream(track)) {
      pictures.set(identity, (pictures.get(identity) ?? 0) + 1)
    }
  }

  async function listen(track: RemoteTrack, identity: string): Promise<void> {
    const options = { sampleRate, numChannels: 1, frameSizeMs: earFrameMs }
    for await (const { data } of new AudioStream(track, options)) {
      ears.set(identity, [...(ears.get(identity) ?? []), data].slice(-earFrames))
    }
  }

  const connected = room.connect(livekitUrl, token, {
    autoSubscribe: true,
    dynacast: false,
    ...(e2eeKey === undefined
      ? {}
      : { encryption: { keyProviderOptions: { ...keyOptions, sharedKey: passphrase(e2eeKey) } } }),
  })
  await inTime(connected, connectTimeoutMs)
  if (e2eeKey !== undefined && keyEpoch > 0) takeKey(e2eeKey, keyEpoch)

  function me() {
    if (!room.localParticipant) throw new Error('not connected')
    return room.localParticipant
  }
  const { identity } = me()

  function takeKey(newKey: string, epoch: number): void {
    keyIndex = epoch % keyRingSize
    setSharedKey(room, passphrase(newKey), keyIndex)
    sendWithKey(room, keyIndex)
  }

  async function publish(track: LocalTrack, options: Partial<TrackPublishOptions>) {
    const publication = await me().publishTrack(track, new TrackPublishOptions(options))
    if (keyIndex !== 0) sendWithKey(room, keyIndex)
    return publication
  }

  const picturesOf = (whose: string) => pictures.get(whose) ?? 0
  /** Half of what was heard lately: coming and going of single pieces is no matter. */
  const hears = (whose: string, hz: number) => {
    const heard = (ears.get(whose) ?? []).slice(-earFrames / 2)
    return heard.filter((piece) => isTone(piece, hz)).length > earFrames / 4
  }
  const seen = (whose: string) => `${identity} has ${picturesOf(whose)} pictures of ${whose}`

  return {
    identity,
    room,
    takeKey,
    picturesOf,
    hears,
    get participantSid() {
      return me().sid ?? ''
    },
    get disconnectReason() {
      return disconnectReason
    },
    async showPicture() {
      const feed = feedPicture()
      feeds.push(feed)
      const track = LocalVideoTrack.createVideoTrack('camera', feed.source)
      await publish(track, {
        source: TrackSource.SOURCE_CAMERA,
        videoCodec: VideoCodec.VP8,
        simulcast: false,
      })
    },
    async playTone(hz) {
      const feed = feedTone(hz)
      feeds.push(feed)
      const track = LocalAudioTrack.createAudioTrack('microphone', feed.source)
      tone = track
      await publish(track, { source: TrackSource.SOURCE_MICROPHONE, dtx: false })
    },
    muteTone(muted) {
      if (!tone) throw new Error(`${identity} plays no tone`)
      setTrackMuted(tone, muted)
    },
    others: () => [...room.remoteParticipants.keys()],
    isMuted(whose) {
      const publications = room.remoteParticipants.get(whose)?.trackPublications.values() ?? []
      const microphone = [...publications].find((p) => p.source === TrackSource.SOURCE_MICROPHONE)
      return microphone?.muted ?? null
    },
    async untilPictures(whose, more) {
      const enough = picturesOf(whose) + more
      await until(
        `${seen(whose)}, wanted ${enough}`,
        mediaTimeoutMs,
        () => picturesOf(whose) >= enough,
      )
    },
    async untilHears(whose, hz) {
      await until(`${identity} hears ${hz} Hz of ${whose}`, mediaTimeoutMs, () => hears(whose, hz))
    },
    untilDisconnected: () =>
      until(`${identity} is disconnected`, mediaTimeoutMs, () => disconnectReason),
    async leave() {
      const wasConnected = room.isConnected
      await Promise.all(feeds.splice(0).map((feed) => feed.stop()))
      if (wasConnected) await inTime(room.disconnect(), connectTimeoutMs)
    },
  }
}

/** Once, when all people of a test file have left: the process could not end otherwise. */
export async function disposeRtc(): Promise<void> {
  await dispose()
}

async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`LiveKit’s client did not answer in ${timeoutMs} ms`))
    }, timeoutMs)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
