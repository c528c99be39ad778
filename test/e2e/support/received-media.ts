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

export function receivedMedia(page: Page): Promise<ReceivedMedia> {
  return page.evaluate(async () => {
    const { chattoTestPeers: peers } = window as unknown as { chattoTestPeers: RTCPeerConnection[] }
    const sum = { frames: 0, energy: 0, videoBytes: 0, undecoded: 0 }
    for (const peer of peers) {
      if (peer.connectionState === 'closed') continue
      const report = await peer.getStats()
      report.forEach((stat: RTCInboundRtpStreamStats & { type: string }) => {
        if (stat.type !== 'inbound-rtp') return
        if (stat.kind === 'audio') sum.energy += stat.totalAudioEnergy ?? 0
        if (stat.kind !== 'video') return
        sum.frames += stat.framesDecoded ?? 0
        sum.videoBytes += stat.bytesReceived ?? 0
        if ((stat.bytesReceived ?? 0) > 20_000 && (stat.framesDecoded ?? 0) === 0) sum.undecoded++
      })
    }
    return sum
  })
}
