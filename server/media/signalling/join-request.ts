/** What a client says of itself when it connects, in either of LiveKit's two ways. */
import {
  ClientInfo,
  ClientInfo_Capability,
  JoinRequest,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression,
  type AddTrackRequest,
  type SessionDescription,
} from '@livekit/protocol'
import { gunzipSync } from 'node:zlib'
import { SignalRefused, type SignalRequest } from '../link/signal.ts'

export interface Join {
  /** One peer connection for both directions. */
  isSinglePeer: boolean
  isAutoSubscribing: boolean
  client: ClientInfo
  /** The participant's sid; null when it joins afresh, '' when it did not say. */
  reconnectOf: string | null
  addTracks: AddTrackRequest[]
  offer: SessionDescription | null
  attributes: Record<string, string>
}

const maxJoinRequestBytes = 1_000_000

/** Throws `SignalRefused`. */
export function parseJoin({ path, query }: Pick<SignalRequest, 'path' | 'query'>): Join {
  const params = new URLSearchParams(query)
  const wrapped = params.get('join_request')
  if (wrapped !== null) return toJoin(unwrap(wrapped))
  if (path === '/rtc/v1') throw new SignalRefused(400, 'join_request is required')
  return {
    isSinglePeer: false,
    isAutoSubscribing: isTrue(params.get('auto_subscribe') ?? '1'),
    client: new ClientInfo({
      version: params.get('version') ?? '',
      protocol: toInt32(params.get('protocol')),
      clientProtocol: toInt32(params.get('client_protocol')),
      os: params.get('os') ?? '',
      browser: params.get('browser') ?? '',
      capabilities: (params.get('capabilities') ?? '').split(',').flatMap(toCapability),
    }),
    reconnectOf: isTrue(params.get('reconnect') ?? '0') ? (params.get('sid') ?? '') : null,
    addTracks: [],
    offer: null,
    attributes: {},
  }
}

function toJoin(request: JoinRequest): Join {
  return {
    isSinglePeer: true,
    isAutoSubscribing: request.connectionSettings?.autoSubscribe ?? false,
    client: request.clientInfo ?? new ClientInfo(),
    reconnectOf: request.reconnect ? request.participantSid : null,
    addTracks: request.addTrackRequests,
    offer: request.publisherOffer ?? null,
    attributes: request.participantAttributes,
  }
}

function unwrap(text: string): JoinRequest {
  try {
    const { joinRequest, compression } = WrappedJoinRequest.fromBinary(
      Buffer.from(text, 'base64url'),
    )
    const isZipped = compression === WrappedJoinRequest_Compression.GZIP
    const plain = isZipped
      ? gunzipSync(joinRequest, { maxOutputLength: maxJoinRequestBytes })
      : joinRequest
    return JoinRequest.fromBinary(plain)
  } catch {
    throw new SignalRefused(400, 'cannot read the join request')
  }
}

const isTrue = (text: string) => text === '1' || text === 'true'

function toCapability(name: string): ClientInfo_Capability[] {
  const value = Object.entries(ClientInfo_Capability).find(([known]) => known === name)
  return typeof value?.[1] === 'number' ? [value[1]] : []
}

function toInt32(text: string | null): number {
  const value = Number(text)
  return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? value : 0
}
