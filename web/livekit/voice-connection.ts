/**
 * One stay in a LiveKit room, always encrypted: its key, its worker, its tracks. Everything that
 * happens leaves it as a typed event with plain values; tracks and participants stay in here.
 *
 * Only loaded by dynamic import on the way into a call.
 */
import {
  ConnectionQuality,
  Encryption_Type,
  LogLevel,
  Room,
  RoomEvent,
  Track,
  setLogLevel,
  type Participant,
} from 'livekit-client'
import E2EEWorker from 'livekit-client/e2ee-worker?worker'
import type { AudioLevels } from './audio-levels.ts'
import { CallKeyProvider } from './call-key-provider.ts'
import { watchCapture } from './capture-watch.ts'
import type { DeviceMemory } from './device-choice.ts'
import { createEncryptionWatch, mayBePlayed } from './encryption-status.ts'
import { decorate, guarded, guardedEvents } from './guarded-events.ts'
import { keepLocalDevices } from './local-devices.ts'
import type { CallCredentials } from './media-connection.types.ts'
import { watchMediaPath } from './media-path.ts'
import { followOwnMedia, type OwnDevice } from './own-media.ts'
import { watchPagePolicy } from './page-policy.ts'
import { isPerson, toPersonMedia, toScreens, userIdOf } from './person-media.ts'
import { publishDefaultsFor } from './publish-defaults.ts'
import { reconnectPolicy, signalTimeoutMs } from './reconnect-policy.ts'
import { screenCapture, screenPublishing } from './screen-capture.ts'
import { isCancelled, toDisconnectName, toTrouble } from './sdk-errors.ts'
import { createSoundOutput } from './sound-output.ts'
import { measureTracks } from './track-progress.ts'
import {
  ConnectFailure,
  type SharedScreen,
  type VoiceConnection,
  type VoiceConnectionEvent,
} from './voice-connection.types.ts'

// The SDK's chatter names rooms and tracks; only what is broken is of use here.
setLogLevel(LogLevel.error)

const measureEveryMs = 1000
const encryptionTimeoutMs = 15_000

export function openVoiceConnection(options: {
  emit: (event: VoiceConnectionEvent) => void
  levels: AudioLevels
  memory: DeviceMemory
  now: () => number
  livekitUrl: string
}): VoiceConnection {
  const { levels, memory } = options
  let closed = false
  /** What the SDK does while it is being closed is no news. */
  function emit(event: VoiceConnectionEvent): void {
    if (!closed) options.emit(event)
  }
  const keyProvider = new CallKeyProvider()
  const worker = new E2EEWorker()
  const speaker = memory.recall('speaker')
  const room = new Room({
    adaptiveStream: true,
    dynacast: true,
    reconnectPolicy,
    // Leaving has an order of its own (R16): microphone and camera, our server, then LiveKit.
    disconnectOnPageLeave: false,
    encryption: { keyProvider, worker },
    // Which microphone and camera is settled by `devices`: a mere wish browsers do not heed.
    audioCaptureDefaults: {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    },
    ...(speaker ? { audioOutput: { deviceId: speaker.id } } : {}),
    publishDefaults: publishDefaultsFor(options.livekitUrl, location.host),
  })
  const me = room.localParticipant
  const encryption = createEncryptionWatch({ now: options.now })
  const emitSound = () => emit({ type: 'sound.changed', blocked: sound.isHeld() })
  const sound = createSoundOutput({ now: options.now, changed: emitSound })
  const on = guardedEvents(room)
  const devices = keepLocalDevices({
    room,
    memory,
    emit(event) {
      emit(event)
      // Another microphone is another track to listen to.
      if (event.type === 'devices.changed') changed(me)
    },
  })
  const path = watchMediaPath(room, (isBroken) =>
    emit({ type: isBroken ? 'livekit.reconnecting' : 'livekit.reconnected' }),
  )
  let signalUp = false
  let screens: SharedScreen[] = []

  const stateOf = (participant: Participant) =>
    encryption.stateOf(participant.identity, [...participant.trackPublications.values()])

  const remotesOf = (userId: string) =>
    [...room.remoteParticipants.values()].filter(
      (other) => isPerson(other) && userIdOf(other.identity) === userId,
    )

  /**
   * Of a person with two pages for a moment (R9), the later one speaks for both as soon as something
   * of it has arrived: until then the earlier one is heard.
   */
  function connectionOf(userId: string): Participant | undefined {
    if (userId === userIdOf(me.identity)) return me
    const latestFirst = remotesOf(userId).toSorted(
      (a, b) => (b.joinedAt?.getTime() ?? 0) - (a.joinedAt?.getTime() ?? 0),
    )
    const hasArrived = (other: Participant) =>
      [...other.trackPublications.values()].some(({ track }) => track !== undefined)
    return (
      latestFirst.find(hasArrived) ??
      latestFirst.find((other) => other.trackPublications.size > 0) ??
      latestFirst[0]
    )
  }

  function people(): Participant[] {
    const ids = new Set([me, ...room.remoteParticipants.values()].map((p) => userIdOf(p.identity)))
    return [...ids].map(connectionOf).filter((participant) => participant !== undefined)
  }

  function emitPerson(userId: string): void {
    const participant = connectionOf(userId)
    if (!participant) emit({ type: 'person.left', userId })
    else emit({ type: 'person.changed', person: toPersonMedia(participant, stateOf(participant)) })
    emitScreens()
  }

  /** The rings' loudness: whoever cannot be measured is heard and seen all the same. */
  function ring(userId: string): void {
    const participant = connectionOf(userId)
    const state = participant && stateOf(participant)
    const track = participant?.getTrackPublication(Track.Source.Microphone)?.track
    const isHeard = state && mayBePlayed(state) && toPersonMedia(participant, state).microphone
    levels.listen(userId, isHeard && track ? track.mediaStreamTrack : null)
  }

  function emitScreens(): void {
    const next = people().flatMap((participant) => toScreens(participant, stateOf(participant)))
    if (JSON.stringify(next) === JSON.stringify(screens)) return
    screens = next
    emit({ type: 'screens.changed', screens })
  }

  /** R44: what is not encrypted, or cannot be decrypted, is neither fetched nor played. */
  function listenTo(userId: string): void {
    const speaker = connectionOf(userId)
    for (const remote of remotesOf(userId)) {
      const isHeard = remote === speaker && mayBePlayed(stateOf(remote))
      for (const publication of remote.trackPublications.values()) {
        if (!publication.isEncrypted && publication.isDesired) publication.setSubscribed(false)
        if (publication.kind !== Track.Kind.Audio || !publication.track) continue
        if (isHeard && publication.isEncrypted) sound.play(publication.track)
        else sound.stop(publication.track)
      }
    }
  }

  /** First what is told, then what is heard; what only looks nice comes last. */
  function look(participant: Participant | undefined): void {
    if (closed || !participant || participant.identity === '') return
    const userId = userIdOf(participant.identity)
    emitPerson(userId)
    listenTo(userId)
    decorate(() => ring(userId))
  }
  const changed = guarded(look)

  const own = followOwnMedia({ room, on, emit, changed: () => changed(me) })
  const captures = watchCapture({
    me,
    now: options.now,
    peak: () => levels.peakOf(userIdOf(me.identity)),
    changed(now) {
      emit({ type: 'capture.changed', captures: now })
      changed(me)
    },
  })

  on(RoomEvent.SignalConnected, () => (signalUp = true))
  on(RoomEvent.ParticipantConnected, changed)
  on(RoomEvent.ParticipantDisconnected, (participant) => {
    encryption.forget(participant.identity)
    changed(participant)
  })
  on(RoomEvent.TrackPublished, (_, participant) => changed(participant))
  on(RoomEvent.TrackUnpublished, (_, participant) => changed(participant))
  on(RoomEvent.TrackSubscribed, (_track, _publication, participant) => changed(participant))
  on(RoomEvent.TrackUnsubscribed, (track, _, participant) => {
    sound.stop(track)
    changed(participant)
  })
  on(RoomEvent.TrackMuted, (_, participant) => changed(participant))
  on(RoomEvent.TrackUnmuted, (_, participant) => changed(participant))
  on(RoomEvent.ConnectionQualityChanged, (quality, participant) => {
    if (quality !== ConnectionQuality.Unknown) changed(participant)
  })
  on(RoomEvent.ParticipantEncryptionStatusChanged, (_, participant) => changed(participant))
  on(RoomEvent.EncryptionError, (_, participant) => {
    if (!participant || participant.isLocal) return
    encryption.reportFailure(participant.identity)
    changed(participant)
  })
  on(RoomEvent.DataReceived, (_payload, participant, _kind, _topic, encryptionType) => {
    if (!participant || encryptionType === Encryption_Type.GCM) return
    encryption.reportPlainData(participant.identity)
    changed(participant)
  })
  on(RoomEvent.AudioPlaybackStatusChanged, emitSound)
  on(RoomEvent.Reconnecting, () => path.announced(true))
  on(RoomEvent.Reconnected, () => {
    path.announced(false)
    for (const participant of people()) changed(participant)
  })
  on(RoomEvent.Disconnected, (reason) => {
    emit({ type: 'livekit.disconnected', reason: toDisconnectName(reason) })
  })

  const measuring = setInterval(() => {
    for (const identity of encryption.suspects()) {
      const participant = room.remoteParticipants.get(identity)
      if (!participant) continue
      void measureTracks(participant).then((tracks) => {
        if (encryption.measure(identity, tracks)) changed(participant)
      })
    }
  }, measureEveryMs)

  /** Nothing is published before the worker has said that it encrypts. */
  function encrypting(): Promise<void> {
    if (room.isE2EEEnabled) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error('the encryption worker does not answer')),
        encryptionTimeoutMs,
      )
      on(RoomEvent.ParticipantEncryptionStatusChanged, () => {
        if (!room.isE2EEEnabled) return
        clearTimeout(timer)
        resolve()
      })
    })
  }

  async function publish(
    what: OwnDevice,
    enabled: boolean,
    run: () => Promise<unknown>,
  ): Promise<void> {
    try {
      await encrypting()
      await (enabled && what !== 'screen' ? devices.turnOn(what, run) : run())
      if (closed) return
      if (own.isOn(what) === enabled) {
        emit({ type: `${what}.changed`, published: enabled, cause: 'asked' })
      } else if (own.stands()) emit({ type: `${what}.failed`, trouble: 'failed' })
      if (enabled) await devices.refresh()
    } catch (cause) {
      const trouble = toTrouble(cause)
      if (what === 'screen' && isCancelled(cause)) {
        emit({ type: 'screen.changed', published: false, cause: 'asked' })
      } else if (trouble !== 'failed' || own.stands()) emit({ type: `${what}.failed`, trouble })
      // Else the connection went, not the device: it is asked again when that stands.
    }
  }

  return {
    async connect({ token, e2eeKey, keyEpoch }: CallCredentials) {
      const policy = watchPagePolicy()
      try {
        await keyProvider.begin(e2eeKey, keyEpoch)
        await room.setE2EEEnabled(true)
        // Given up meanwhile: LiveKit is never to see us.
        if (closed) throw new Error('closed')
        await room.connect(options.livekitUrl, token, { websocketTimeout: signalTimeoutMs })
        await encrypting()
      } catch (cause) {
        const otherwise = signalUp ? 'media-blocked' : 'livekit-unreachable'
        throw new ConnectFailure(policy.isInTheWay() ? 'page-outdated' : otherwise, cause)
      } finally {
        policy.stop()
      }
      for (const participant of people()) changed(participant)
      emitSound()
      await devices.refresh()
    },
    setMicrophone: (enabled) =>
      publish('microphone', enabled, () => me.setMicrophoneEnabled(enabled)),
    setCamera: (enabled) => publish('camera', enabled, () => me.setCameraEnabled(enabled)),
    setScreen: (enabled) =>
      publish('screen', enabled, () => {
        const capture = screenCapture(navigator.mediaDevices.getSupportedConstraints())
        return me.setScreenShareEnabled(enabled, capture, screenPublishing)
      }),
    async rotateKey(e2eeKey, keyEpoch) {
      await keyProvider.rotate(e2eeKey, keyEpoch)
    },
    showVideo(trackId, element) {
      const track = [me, ...room.remoteParticipants.values()]
        .map((participant) => participant.trackPublications.get(trackId))
        .find((publication) => publication !== undefined)?.track
      if (!track) return () => undefined
      track.attach(element)
      return () => void track.detach(element)
    },
    async startSound() {
      // Each for itself: the SDK gives up where there is no AudioContext, and needs none.
      await Promise.allSettled([room.startAudio(), sound.playAgain(), levels.resume()])
      emitSound()
    },
    useDevice: (kind, deviceId) => devices.use(kind, deviceId),
    refreshDevices: () => devices.refresh(),
    silence() {
      for (const publication of me.trackPublications.values()) publication.track?.stop()
    },
    async close() {
      closed = true
      path.stop()
      captures.stop()
      clearInterval(measuring)
      keyProvider.stop()
      try {
        await room.disconnect()
      } finally {
        sound.close()
        worker.terminate()
      }
    },
  }
}
