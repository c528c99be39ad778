/// <reference lib="dom" />
/**
 * What a page's own WebRTC says of the media that arrived: read from the connections themselves, which
 * a script collects before the page's own scripts run. Nothing of it is in the product.
 */
import type { Page } from '@playwright/test'

export interface ReceivedMedia {
  /** Frames of all pictures that could be decoded. */
  frames: number
  /** Energy of all voices that were decoded; silence adds none. */
  energy: number
  /** Bytes of pictures that arrived, decoded or not. */
  videoBytes: number
  /** Pictures that arrive of which no frame was ever decoded. */
  undecoded: number
}

/** Must run before the page is opened. */
export async function watchMedia(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const peers: RTCPeerConnection[] = []
    const Native = window.RTCPeerConnection
    window.RTCPeerConnection = class extends Native {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        peers.push(this)
      }
    }
    Object.assign(window, { chattoTestPeers: peers })
  })
}

/** Since the page was loaded: what ended meanwhile still counts, so that nothing ever gets less. */
export function receivedMedia(page: Page): Promise<ReceivedMedia> {
  return page.evaluate(async () => {
    interface Seen {
      frames: number
      energy: number
      videoBytes: number
    }
    const host = window as unknown as {
      chattoTestPeers: RTCPeerConnection[]
      chattoTestSeen?: Map<string, Seen>
    }
    const seen = (host.chattoTestSeen ??= new Map<string, Seen>())
    let undecoded = 0
    for (const [index, peer] of host.chattoTestPeers.entries()) {
      if (peer.connectionState === 'closed') continue
      const report = await peer.getStats()
      report.forEach((stat: RTCInboundRtpStreamStats & { type: string }) => {
        if (stat.type !== 'inbound-rtp') return
        const isVideo = stat.kind === 'video'
        const frames = isVideo ? (stat.framesDecoded ?? 0) : 0
        const energy = isVideo ? 0 : (stat.totalAudioEnergy ?? 0)
        const videoBytes = isVideo ? (stat.bytesReceived ?? 0) : 0
        if (videoBytes > 20_000 && frames === 0) undecoded += 1
        seen.set(`${index} ${stat.id} ${stat.ssrc}`, { frames, energy, videoBytes })
      })
    }
    const sum = { frames: 0, energy: 0, videoBytes: 0, undecoded }
    for (const { frames, energy, videoBytes } of seen.values()) {
      sum.frames += frames
      sum.energy += energy
      sum.videoBytes += videoBytes
    }
    return sum
  })
}
