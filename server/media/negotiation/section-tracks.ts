/**
 * Which announced track each sending section carries. The name in `a=msid` may be the one that was
 * announced (Chromium, the native SDKs) or anything else (RFC 9429): Firefox makes up a fresh one, and so
 * does Chromium for a track that it sends for the second time. Then order and shape have to do.
 */
import type { PublishedTrack } from '../rtp/published-track.ts'
import type { SdpSection } from './sdp-parse.ts'

type SendingSection = Pick<SdpSection, 'kind' | 'mid' | 'trackCid' | 'sendRids'>

/**
 * By the mid of the section; sections and tracks in the order of their offer and announcement. A section
 * that is not in the result carries nothing that was announced.
 */
export function assignTracks(
  sections: readonly SendingSection[],
  tracks: readonly PublishedTrack[],
  before: (mid: string) => PublishedTrack | undefined,
): Map<string, PublishedTrack> {
  const carried = new Map<string, PublishedTrack>()
  const free = new Set(tracks)

  /** The first section that a track suits has it. */
  function assign(suits: (section: SendingSection, track: PublishedTrack) => boolean): void {
    for (const section of sections) {
      if (carried.has(section.mid)) continue
      const track = [...free].find((one) => one.kind === section.kind && suits(section, one))
      if (!track) continue
      free.delete(track)
      carried.set(section.mid, track)
    }
  }

  assign(({ trackCid }, { cids }) => cids.includes(trackCid))
  assign(({ mid }, track) => before(mid) === track)
  // Camera and screen that were announced at once differ in that, mostly.
  assign(({ sendRids }, { info }) => sendRids.length === info.layers.length)
  assign(({ sendRids }, { info }) => sendRids.length > 1 === info.layers.length > 1)
  assign(() => true)
  return carried
}
