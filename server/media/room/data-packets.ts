/** Data from one participant to the others: says who it is from, whatever the sender wrote there. */
import { DataPacket, DataPacket_Kind } from '@livekit/protocol'

export const dataLabels = { reliable: '_reliable', lossy: '_lossy', tracks: '_data_track' }

export interface DataFrom {
  sid: string
  identity: string
}

export interface DataRoute {
  label: string
  bytes: Buffer
  /** Empty: everybody else. */
  identities: readonly string[]
  sids: readonly string[]
}

/** Undefined: not readable, or nothing that a client may send. */
export function routeData(from: DataFrom, label: string, bytes: Buffer): DataRoute | undefined {
  if (label !== dataLabels.reliable && label !== dataLabels.lossy) return undefined
  const packet = parse(bytes)
  if (!packet) return undefined
  // What LiveKit itself says, or only it reads.
  const { case: kind, value } = packet.value
  if (kind === undefined || kind === 'speaker' || kind === 'metrics') return undefined
  packet.kind = label === dataLabels.reliable ? DataPacket_Kind.RELIABLE : DataPacket_Kind.LOSSY
  packet.participantSid = from.sid
  packet.participantIdentity = from.identity
  let sids: readonly string[] = []
  if (kind === 'user') {
    value.participantSid = from.sid
    value.participantIdentity = from.identity
    // Older and newer clients look in different places.
    if (packet.destinationIdentities.length === 0)
      packet.destinationIdentities = [...value.destinationIdentities]
    else value.destinationIdentities = [...packet.destinationIdentities]
    sids = value.destinationSids
  }
  return {
    label,
    bytes: Buffer.from(packet.toBinary()),
    identities: packet.destinationIdentities,
    sids,
  }
}

function parse(bytes: Buffer): DataPacket | undefined {
  try {
    return DataPacket.fromBinary(bytes)
  } catch {
    return undefined
  }
}
