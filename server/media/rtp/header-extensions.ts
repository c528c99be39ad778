/** What RTP packets say of themselves in header extensions: named in descriptions, numbered in packets. */
import type { RtpHeader } from 'werift'

export interface HeaderExtension {
  id: number
  uri: string
}

export const extensionUri = {
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  audioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  transportSequence: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
}

/** Undefined: not agreed upon. */
export type ExtensionIds = Record<keyof typeof extensionUri, number | undefined>

export function toExtensionIds(extensions: readonly HeaderExtension[]): ExtensionIds {
  const idOf = (wanted: string) => extensions.find(({ uri }) => uri === wanted)?.id
  return {
    mid: idOf(extensionUri.mid),
    rid: idOf(extensionUri.rid),
    repairedRid: idOf(extensionUri.repairedRid),
    audioLevel: idOf(extensionUri.audioLevel),
    transportSequence: idOf(extensionUri.transportSequence),
  }
}

export function findExtension(header: RtpHeader, id: number | undefined): Buffer | undefined {
  return id === undefined
    ? undefined
    : header.extensions.find((extension) => extension.id === id)?.payload
}
