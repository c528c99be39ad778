/** What a client says of itself when it connects. */
import type { AddTrackRequest, ClientInfo, SessionDescription } from '@livekit/protocol'

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
