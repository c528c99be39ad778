/** The tracks that one participant publishes, from the announcement to the end. */
import {
  SimulcastCodecInfo,
  TimedVersion,
  TrackInfo,
  TrackSource,
  TrackType,
  AudioTrackFeature,
  type AddTrackRequest,
} from '@livekit/protocol'
import type { MediaGrants } from '../link/media-grants.ts'
import { createPublishedTrack, type PublishedTrack } from '../rtp/published-track.ts'

export interface Publications {
  readonly all: Iterable<PublishedTrack>
  find(trackSid: string): PublishedTrack | undefined
  /** Null: not allowed, or too many. The same announcement again gives the same track. */
  add(request: AddTrackRequest): PublishedTrack | null
  /** Undefined when there is no such track, or nothing has changed. */
  mute(trackSid: string, muted: boolean): PublishedTrack | undefined
  remove(trackSid: string): PublishedTrack | undefined
  tick(at: number): void
}

const maxTracks = 20

export function createPublications({
  grants,
  now,
  newTrackSid,
  announced,
}: {
  grants: MediaGrants
  now(): number
  newTrackSid(): string
  /** The first packet of a track has come. */
  announced(track: PublishedTrack): void
}): Publications {
  const tracks = new Map<string, PublishedTrack>()
  const findByCid = (cid: string) =>
    cid === '' ? undefined : [...tracks.values()].find((track) => track.cids.includes(cid))

  return {
    all: { [Symbol.iterator]: () => tracks.values() },
    find: (trackSid) => tracks.get(trackSid),
    add(request) {
      const known = findByCid(request.cid)
      if (known) return known
      if (!mayPublish(grants, request.source) || tracks.size >= maxTracks) return null
      const cids = [request.cid, ...request.simulcastCodecs.map(({ cid }) => cid)]
      const track = createPublishedTrack({
        info: toTrackInfo(request, newTrackSid(), now()),
        cids: cids.filter((cid) => cid !== ''),
        now,
        announce: announced,
      })
      tracks.set(track.sid, track)
      return track
    },
    mute(trackSid, muted) {
      const track = tracks.get(trackSid)
      if (!track || track.info.muted === muted) return undefined
      track.change({ muted })
      return track
    },
    remove(trackSid) {
      const track = tracks.get(trackSid)
      tracks.delete(trackSid)
      return track
    },
    tick(at) {
      for (const track of tracks.values()) track.tick(at)
    },
  }
}

function mayPublish({ video }: MediaGrants, source: TrackSource): boolean {
  const { canPublish, canPublishSources } = video
  return canPublish && (canPublishSources.length === 0 || canPublishSources.includes(source))
}

function toTrackInfo(request: AddTrackRequest, sid: string, now: number): TrackInfo {
  const mimeType = request.type === TrackType.AUDIO ? 'audio/opus' : 'video/VP8'
  return new TrackInfo({
    sid,
    mimeType,
    type: request.type,
    name: request.name,
    muted: request.muted,
    width: request.width,
    height: request.height,
    disableDtx: request.disableDtx,
    source: request.source,
    layers: request.layers,
    stereo: request.stereo,
    // Redundant sound is not carried.
    disableRed: request.type === TrackType.AUDIO,
    encryption: request.encryption,
    stream: request.stream || toStream(request.source),
    version: new TimedVersion({ unixMicro: BigInt(now) * 1_000n }),
    audioFeatures: toAudioFeatures(request),
    backupCodecPolicy: request.backupCodecPolicy,
    codecs: [new SimulcastCodecInfo({ mimeType, cid: request.cid, layers: request.layers })],
  })
}

/** As LiveKit: what older clients say in fields of their own belongs to it as well. */
function toAudioFeatures({ audioFeatures, stereo, disableDtx }: AddTrackRequest) {
  return [
    ...new Set([
      ...audioFeatures,
      ...(stereo ? [AudioTrackFeature.TF_STEREO] : []),
      ...(disableDtx ? [AudioTrackFeature.TF_NO_DTX] : []),
    ]),
  ]
}

/** What is to be heard and seen together, when the client does not say. */
function toStream(source: TrackSource): string {
  const isScreen = source === TrackSource.SCREEN_SHARE || source === TrackSource.SCREEN_SHARE_AUDIO
  return isScreen ? 'screen_share' : 'camera'
}
