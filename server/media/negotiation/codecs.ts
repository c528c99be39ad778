/** The two codecs that the media server carries, Opus and VP8, in what a client offers and in what it is offered. */
import { extensionUri } from '../rtp/header-extensions.ts'
import type { SdpSection } from './sdp-parse.ts'

export interface PayloadTypes {
  main: number
  rtx: number | null
}

export const ownPayloadTypes: Record<'audio' | 'video', PayloadTypes> = {
  audio: { main: 111, rtx: null },
  video: { main: 96, rtx: 97 },
}
export const ownMidExtension = { id: 1, uri: extensionUri.mid }
export const ownTransportExtension = { id: 2, uri: extensionUri.transportSequence }

/** Null: nothing that both sides know. */
export function choosePayloadTypes({ kind, codecs }: SdpSection): PayloadTypes | null {
  if (kind === 'application') return null
  if (kind === 'audio') {
    const opus = codecs.find(({ name, clockRate }) => name === 'opus' && clockRate === 48_000)
    return opus ? { main: opus.payloadType, rtx: null } : null
  }
  const vp8 = codecs.find(({ name }) => name === 'vp8')
  if (!vp8) return null
  const rtx = codecs.find(
    ({ name, fmtp }) => name === 'rtx' && fmtp.split(';').includes(`apt=${vp8.payloadType}`),
  )
  return { main: vp8.payloadType, rtx: rtx?.payloadType ?? null }
}

/**
 * Echoed in every answer, used there or not: in a bundle Chromium takes what the last section says
 * for all of them, and later publications would miss their layer names or levels.
 */
export function chooseExtensions({ kind, extensions }: SdpSection): SdpSection['extensions'] {
  const known =
    kind === 'audio'
      ? [extensionUri.mid, extensionUri.audioLevel, extensionUri.transportSequence]
      : [
          extensionUri.mid,
          extensionUri.rid,
          extensionUri.repairedRid,
          extensionUri.transportSequence,
        ]
  return extensions.filter(({ uri }) => known.includes(uri))
}
