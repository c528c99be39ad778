/**
 * Tells what of one's own is published, and why that changed. LiveKit's client unpublishes everything on
 * its way out, and unpublishes and publishes again to repair a connection: neither is anybody's wish,
 * so of both only the outcome is told.
 */
import { ConnectionState, RoomEvent, Track, type Room } from 'livekit-client'
import type { ChangeCause } from '../../machines/voice-session.events.ts'
import type { VoiceConnectionEvent } from './voice-connection.types.ts'

const sources = {
  microphone: Track.Source.Microphone,
  camera: Track.Source.Camera,
  screen: Track.Source.ScreenShare,
} as const
export type OwnDevice = keyof typeof sources
const ownDevices = Object.keys(sources) as OwnDevice[]

export interface OwnMedia {
  isOn(what: OwnDevice): boolean
  /** The connection stands: what happens now happens for its own reasons. */
  stands(): boolean
}

export function followOwnMedia(options: {
  room: Room
  on: Room['on']
  emit: (event: VoiceConnectionEvent) => void
  /** Something of one's own looks different. */
  changed: () => void
}): OwnMedia {
  const { room, on, emit, changed } = options
  const me = room.localParticipant

  function isOn(what: OwnDevice): boolean {
    const publication = me.getTrackPublication(sources[what])
    return publication !== undefined && !publication.isMuted
  }
  const stands = () => room.state === ConnectionState.Connected

  function emitChange(source: Track.Source, cause: ChangeCause): void {
    const what = ownDevices.find((each) => sources[each] === source)
    if (what) emit({ type: `${what}.changed`, published: isOn(what), cause })
  }

  on(RoomEvent.TrackMuted, ({ source }, participant) => {
    if (participant.isLocal) emitChange(source, 'device')
  })
  on(RoomEvent.TrackUnmuted, ({ source }, participant) => {
    if (participant.isLocal) emitChange(source, 'device')
  })
  on(RoomEvent.LocalTrackPublished, ({ source }) => {
    if (stands()) emitChange(source, 'device')
    changed()
  })
  on(RoomEvent.LocalTrackUnpublished, ({ source, track }) => {
    // Stopped at its end, by the browser's own bar for example: that is meant, whenever it happens.
    const hasEnded = track?.mediaStreamTrack.readyState === 'ended'
    // Only after it has unpublished everything, LiveKit's client says that it is out.
    queueMicrotask(() => {
      const isOut = room.state === ConnectionState.Disconnected
      if (stands() || (hasEnded && !isOut)) emitChange(source, 'device')
    })
    changed()
  })
  on(RoomEvent.Reconnected, () => {
    for (const what of ownDevices) emitChange(sources[what], 'loss')
  })

  return { isOn, stands }
}
