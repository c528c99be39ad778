/** What a client says of itself when it connects, in either of LiveKit's two ways. */
import { ClientInfo, ClientInfo_Capability, type JoinRequest } from '@livekit/protocol'
import { readJoinRequest } from '../link/join-request.ts'
import { SignalRefused, type SignalRequest } from '../link/signal.ts'
import type { Join } from '../room/join.ts'

/** Throws `SignalRefused`. */
export function parseJoin({ path, query }: Pick<SignalRequest, 'path' | 'query'>): Join {
  const params = new URLSearchParams(query)
  const wrapped = params.get('join_request')
  if (wrapped !== null) return toJoin(read(wrapped))
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

function read(wrapped: string): JoinRequest {
  try {
    return readJoinRequest(wrapped)
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
