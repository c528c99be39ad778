/** Who a LiveKit token says somebody is, and what they may do: checked and issued as LiveKit does. */
import { RoomConfiguration, TrackSource } from '@livekit/protocol'
import { z } from 'zod'
import type { MediaGrants, RoomOptions, VideoGrants } from '../link/media-grants.ts'
import { signJwt, verifyJwt, type JwtVerdict, type MediaKeys } from './jwt.ts'

export type TokenVerdict = { ok: true; grants: MediaGrants } | Exclude<JwtVerdict, { ok: true }>

/** A session's token is refreshed to so much (LiveKit's own figure); it brings back who lost the line. */
const refreshedForS = 600

const flag = z.boolean().nullish()
const text = z.string().nullish()
const claimsSchema = z.object({
  sub: text,
  jti: text,
  exp: z.number().optional(),
  name: text,
  kind: text,
  metadata: text,
  attributes: z.record(z.string(), z.string()).nullish(),
  roomConfig: z.json().nullish(),
  video: z
    .object({
      room: text,
      roomJoin: flag,
      roomCreate: flag,
      roomList: flag,
      roomAdmin: flag,
      canPublish: flag,
      canSubscribe: flag,
      canPublishData: flag,
      canPublishSources: z.array(z.string()).nullish(),
      canUpdateOwnMetadata: flag,
      hidden: flag,
      recorder: flag,
      agent: flag,
    })
    .nullish(),
})
type VideoClaim = z.infer<typeof claimsSchema>['video']

export function verifyMediaToken(
  token: string,
  { apiKey, apiSecret, now }: MediaKeys & { now: number },
): TokenVerdict {
  const verdict = verifyJwt({ apiKey, apiSecret }, token, now)
  if (!verdict.ok) return verdict
  const parsed = claimsSchema.safeParse(verdict.claims)
  const room = parsed.success ? toRoomOptions(parsed.data.roomConfig) : undefined
  if (!parsed.success || !room) return { ok: false, why: 'malformed' }
  const { sub, jti, exp, name, kind, metadata, attributes, video } = parsed.data
  return {
    ok: true,
    grants: {
      identity: sub || jti || '',
      name: name ?? '',
      metadata: metadata ?? '',
      attributes: attributes ?? {},
      kind: kind || 'standard',
      video: toVideoGrants(video),
      room,
      expiresAt: exp === undefined ? null : exp * 1000,
    },
  }
}

/** LiveKit repeats the token and the key here; neither belongs into answers and logs. */
export function toRefusal(why: Extract<TokenVerdict, { ok: false }>['why']): string {
  switch (why) {
    case 'malformed':
      return 'invalid authorization token'
    case 'wrong-key':
      return 'invalid API key'
    case 'bad-signature':
      return 'invalid token, error: token signature is invalid: signature is invalid'
    case 'expired':
      return 'invalid token, error: token has invalid claims: token is expired'
    case 'not-yet':
      return 'invalid token, error: token has invalid claims: token is not valid yet'
    default:
      return why satisfies never
  }
}

/** Lasts ten minutes, or as long as the token that it follows when that is longer. */
export function issueRefreshedToken(grants: MediaGrants, keys: MediaKeys, now: number): string {
  const nowS = Math.floor(now / 1000)
  const { canPublishSources, ...video } = grants.video
  return signJwt(keys, {
    sub: grants.identity,
    nbf: nowS,
    iat: nowS,
    exp: Math.max(nowS + refreshedForS, Math.floor((grants.expiresAt ?? 0) / 1000)),
    name: grants.name,
    kind: grants.kind,
    metadata: grants.metadata,
    attributes: grants.attributes,
    video: { ...video, canPublishSources: canPublishSources.map(toSourceName) },
    roomConfig: grants.room,
  })
}

function toVideoGrants(video: VideoClaim): VideoGrants {
  const canPublish = video?.canPublish ?? true
  return {
    room: video?.room ?? '',
    roomJoin: video?.roomJoin ?? false,
    roomCreate: video?.roomCreate ?? false,
    roomList: video?.roomList ?? false,
    roomAdmin: video?.roomAdmin ?? false,
    canPublish,
    canSubscribe: video?.canSubscribe ?? true,
    canPublishData: video?.canPublishData ?? canPublish,
    canPublishSources: (video?.canPublishSources ?? []).map(toSource),
    canUpdateOwnMetadata: video?.canUpdateOwnMetadata ?? false,
    hidden: video?.hidden ?? false,
    recorder: video?.recorder ?? false,
    agent: video?.agent ?? false,
  }
}

const sourceNames: [TrackSource, string][] = [
  [TrackSource.CAMERA, 'camera'],
  [TrackSource.MICROPHONE, 'microphone'],
  [TrackSource.SCREEN_SHARE, 'screen_share'],
  [TrackSource.SCREEN_SHARE_AUDIO, 'screen_share_audio'],
]

/** A word that LiveKit does not know allows nothing that can be published by name. */
function toSource(name: string): TrackSource {
  return sourceNames.find(([, known]) => known === name.toLowerCase())?.[0] ?? TrackSource.UNKNOWN
}

function toSourceName(source: TrackSource): string {
  return sourceNames.find(([known]) => known === source)?.[1] ?? 'unknown'
}

/** Undefined for what is no room configuration. */
function toRoomOptions(
  config: z.infer<typeof claimsSchema>['roomConfig'],
): RoomOptions | undefined {
  if (config === undefined || config === null) return {}
  try {
    const { emptyTimeout, departureTimeout, maxParticipants, metadata } =
      RoomConfiguration.fromJson(config, { ignoreUnknownFields: true })
    return {
      ...(emptyTimeout > 0 && { emptyTimeout }),
      ...(departureTimeout > 0 && { departureTimeout }),
      ...(maxParticipants > 0 && { maxParticipants }),
      ...(metadata !== '' && { metadata }),
    }
  } catch {
    return undefined
  }
}
