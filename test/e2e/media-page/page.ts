/// <reference lib="dom" />
/// <reference types="vite/client" />
/** A person with livekit-client, encrypted as in the product, driven from outside by `window.media`. */
import {
  ConnectionError,
  ConnectionErrorReason,
  DisconnectReason,
  ExternalE2EEKeyProvider,
  LocalVideoTrack,
  LogLevel,
  Room,
  RoomEvent,
  Track,
  setLogLevel,
  type LocalTrackPublication,
} from 'livekit-client'
import E2EEWorker from 'livekit-client/e2ee-worker?worker'
import { publishDefaultsFor } from '../../../web/livekit/publish-defaults.ts'
import type { MediaPageApi, PageData, PageReceived, PageSource } from './page-api.ts'

setLogLevel(LogLevel.silent)

const sources = {
  camera: Track.Source.Camera,
  microphone: Track.Source.Microphone,
  tone: Track.Source.Microphone,
  screen: Track.Source.ScreenShare,
  'large-screen': Track.Source.ScreenShare,
} as const
const pictureSize = { width: 320, height: 180, frameRate: 10 }
const productSize = { width: 640, height: 360, frameRate: 15 }
const textTopic = 'notes'

const log: string[] = []
const speakers: string[] = []
const data: PageData[] = []
const texts: { from: string; text: string; topic: string }[] = []
let joined: Room | null = null

function room(): Room {
  if (!joined) throw new Error('not in a room')
  return joined
}

const nameOf = (source: Track.Source) =>
  Object.entries(sources).find(([, known]) => known === source)?.[0] ?? source

interface PageRoom {
  url: string
  singlePeerConnection: boolean
  isAsProduct: boolean
  keyProvider: ExternalE2EEKeyProvider
}

function open({ url, singlePeerConnection, isAsProduct, keyProvider }: PageRoom): Room {
  const opened = new Room({
    adaptiveStream: false,
    dynacast: false,
    encryption: { keyProvider, worker: new E2EEWorker() },
    singlePeerConnection,
    videoCaptureDefaults: { resolution: isAsProduct ? productSize : pictureSize },
    publishDefaults: isAsProduct
      ? publishDefaultsFor(url, new URL(url).host)
      : { videoCodec: 'vp8', backupCodec: false, simulcast: false },
  })
  opened
    .on(RoomEvent.ParticipantConnected, ({ identity }) => log.push(`${identity} came`))
    .on(RoomEvent.ParticipantDisconnected, ({ identity }) => log.push(`${identity} went`))
    .on(RoomEvent.TrackPublished, ({ source }, { identity }) =>
      log.push(`${identity} published ${nameOf(source)}`),
    )
    .on(RoomEvent.TrackUnpublished, ({ source }, { identity }) =>
      log.push(`${identity} unpublished ${nameOf(source)}`),
    )
    .on(RoomEvent.TrackSubscribed, (track, { source }, { identity }) => {
      log.push(`subscribed ${identity} ${nameOf(source)}`)
      // Nobody listens: sound that is not played is not decoded either.
      document.body.append(track.attach())
    })
    .on(RoomEvent.TrackUnsubscribed, (track) => {
      for (const element of track.detach()) element.remove()
    })
    .on(RoomEvent.TrackMuted, ({ source }, { identity }) =>
      log.push(`${identity} muted ${nameOf(source)}`),
    )
    .on(RoomEvent.TrackUnmuted, ({ source }, { identity }) =>
      log.push(`${identity} unmuted ${nameOf(source)}`),
    )
    .on(RoomEvent.ActiveSpeakersChanged, (now) => {
      const names = now.map(({ identity }) => identity).join()
      if (names !== speakers.at(-1)) speakers.push(names)
    })
    .on(RoomEvent.SignalReconnecting, () => log.push('signal reconnecting'))
    .on(RoomEvent.Reconnecting, () => log.push('reconnecting'))
    .on(RoomEvent.Reconnected, () => log.push('reconnected'))
    .on(RoomEvent.Disconnected, (reason) =>
      log.push(`disconnected ${reason === undefined ? '' : DisconnectReason[reason]}`),
    )
    .on(RoomEvent.DataReceived, (payload, from, _kind, topic) =>
      data.push({
        from: from?.identity ?? '',
        text: new TextDecoder().decode(payload),
        topic: topic ?? '',
      }),
    )
  opened.registerTextStreamHandler(textTopic, (reader, { identity }) => {
    void (async () => {
      texts.push({ from: identity, text: await reader.readAll(), topic: reader.info.topic })
    })()
  })
  return opened
}

function published(source: PageSource): LocalTrackPublication {
  const found = room().localParticipant.getTrackPublication(sources[source])
  if (!found) throw new Error(`publishes no ${source}`)
  return found
}

/** A moving picture; a canvas that does not change sends no frames. */
function pageScreen(): MediaStreamTrack {
  const canvas = document.createElement('canvas')
  canvas.width = 640
  canvas.height = 360
  const pen = canvas.getContext('2d')
  let shown = 0
  setInterval(() => {
    if (!pen) return
    pen.fillStyle = '#888'
    pen.fillRect(0, 0, canvas.width, canvas.height)
    pen.fillStyle = '#fff'
    pen.fillRect((shown * 16) % canvas.width, 0, 24, canvas.height)
    shown += 1
  }, 100)
  const [track] = canvas.captureStream(10).getVideoTracks()
  if (!track) throw new Error('no picture')
  return track
}

/** Text that scrolls, on a screen of 1280x720. */
function pageLargeScreen(): MediaStreamTrack {
  const canvas = document.createElement('canvas')
  canvas.width = 1280
  canvas.height = 720
  const pen = canvas.getContext('2d')
  let shown = 0
  setInterval(() => {
    if (!pen) return
    pen.fillStyle = '#fff'
    pen.fillRect(0, 0, canvas.width, canvas.height)
    pen.fillStyle = '#000'
    pen.font = '18px sans-serif'
    for (let line = 0; line < 36; line += 1) {
      const text = Math.sin((line + Math.floor(shown / 4)) * 12.9898)
        .toString()
        .repeat(8)
      pen.fillText(text, 8, line * 20 + 20 - (shown % 4) * 5)
    }
    shown += 1
  }, 100)
  const [track] = canvas.captureStream(10).getVideoTracks()
  if (!track) throw new Error('no picture')
  return track
}

function pageTone(): MediaStreamTrack {
  const sound = new AudioContext()
  const tone = new OscillatorNode(sound, { frequency: 440 })
  const out = sound.createMediaStreamDestination()
  tone.connect(new GainNode(sound, { gain: 0.5 })).connect(out)
  tone.start()
  const [track] = out.stream.getAudioTracks()
  if (!track) throw new Error('no sound')
  return track
}

const api: MediaPageApi = {
  async join({ url, token, e2eeKey, singlePeerConnection, isAsProduct = false }) {
    const keyProvider = new ExternalE2EEKeyProvider()
    await keyProvider.setKey(e2eeKey)
    const opened = open({ url, singlePeerConnection, isAsProduct, keyProvider })
    await opened.setE2EEEnabled(true)
    try {
      await opened.connect(url, token, { maxRetries: 0 })
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      const status: unknown = error.status
      return {
        reason: ConnectionErrorReason[error.reason] ?? '',
        status: typeof status === 'number' ? status : null,
      }
    }
    joined = opened
    return null
  },
  log: () => log,
  quality: () => room().localParticipant.connectionQuality,
  sid: () => room().localParticipant.sid,
  others: () => [...room().remoteParticipants.keys()].toSorted(),
  speakers: () => speakers,
  async publish(source) {
    const me = room().localParticipant
    switch (source) {
      case 'camera':
        await me.setCameraEnabled(true)
        break
      case 'microphone':
        await me.setMicrophoneEnabled(true)
        break
      case 'tone':
        await me.publishTrack(pageTone(), { source: Track.Source.Microphone })
        break
      case 'screen':
        await me.publishTrack(pageScreen(), { source: Track.Source.ScreenShare, simulcast: false })
        break
      case 'large-screen':
        await me.publishTrack(pageLargeScreen(), { source: Track.Source.ScreenShare })
        break
      default:
        source satisfies never
    }
  },
  async unpublish(source) {
    const { track } = published(source)
    if (track) await room().localParticipant.unpublishTrack(track)
  },
  async mute(source, muted) {
    const { track } = published(source)
    await (muted ? track?.mute() : track?.unmute())
  },
  async switchCamera(width, height) {
    const { track } = published('camera')
    if (!(track instanceof LocalVideoTrack)) throw new Error('no camera')
    await track.restartTrack({ resolution: { width, height, frameRate: 10 } })
  },
  async received() {
    const all: PageReceived[] = []
    for (const { identity, trackPublications } of room().remoteParticipants.values()) {
      for (const { source, track } of trackPublications.values()) {
        const report = await track?.getRTCStatsReport()
        report?.forEach((stat: RTCInboundRtpStreamStats & { type: string }) => {
          if (stat.type !== 'inbound-rtp') return
          all.push({
            track: `${identity} ${nameOf(source)}`,
            frames: stat.framesDecoded ?? 0,
            energy: stat.totalAudioEnergy ?? 0,
            bytes: stat.bytesReceived ?? 0,
            samples: stat.totalSamplesReceived ?? 0,
            concealed: stat.concealedSamples ?? 0,
            size: `${stat.frameWidth ?? 0}x${stat.frameHeight ?? 0}`,
          })
        })
      }
    }
    return all
  },
  encrypted: () =>
    [...room().remoteParticipants.values()]
      .filter(({ isEncrypted }) => isEncrypted)
      .map(({ identity }) => identity)
      .toSorted(),
  data: () => data,
  sendData: (text, options) =>
    room().localParticipant.publishData(new TextEncoder().encode(text), options),
  async sendText(text, topic) {
    await room().localParticipant.sendText(text, { topic })
  },
  texts: () => texts,
  offerGreet() {
    room().registerRpcMethod('greet', ({ callerIdentity, payload }) =>
      Promise.resolve(`${callerIdentity} says ${payload}`),
    )
  },
  greet: (destinationIdentity, payload) =>
    room().localParticipant.performRpc({ destinationIdentity, method: 'greet', payload }),
  simulate: (scenario) => room().simulateScenario(scenario),
  leave: () => room().disconnect(),
}

window.media = api
