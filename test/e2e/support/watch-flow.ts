/// <reference lib="dom" />
/**
 * How long a page was without a new picture or without a sound, measured in the page itself while
 * it goes on: what was decoded, and what is really played.
 */
import type { Page } from '@playwright/test'

export interface Flow {
  /** Longest time without a newly decoded frame, the present one included. */
  pictureGapMs: number
  /** Longest silence of everything that the page plays, on the clock of the sound card. */
  soundGapMs: number
  /** Longest time in which the page itself did not get to look: gaps are true to this much. */
  blindMs: number
  /** Since the last new frame. */
  sinceFrameMs: number
  /** All freezes together, as WebRTC itself counts them: true even where the page did not get to look. */
  frozenMs: number
}

/** Starts measuring, at first or anew. */
export async function watchFlow(page: Page): Promise<void> {
  await page.evaluate(() => {
    interface Watch {
      stop(): void
      now(): Flow
    }
    interface Flow {
      pictureGapMs: number
      soundGapMs: number
      blindMs: number
      sinceFrameMs: number
      frozenMs: number
    }
    const host = window as unknown as {
      chattoTestPeers: RTCPeerConnection[]
      chattoTestFlow?: Watch
    }
    host.chattoTestFlow?.stop()

    const lookEveryMs = 40
    const frames = new Map<string, number>()
    const frozenAtFirst = new Map<string, number>()
    const frozen = new Map<string, number>()
    let lastFrameAt = performance.now()
    let lastLookAt = performance.now()
    let pictureGapMs = 0
    let blindMs = 0
    let isLooking = false

    async function lookAtPictures(): Promise<void> {
      const at = performance.now()
      blindMs = Math.max(blindMs, at - lastLookAt)
      lastLookAt = at
      let isNew = false
      for (const peer of host.chattoTestPeers) {
        if (peer.connectionState === 'closed') continue
        const report = await peer.getStats()
        report.forEach((stat: RTCInboundRtpStreamStats & { type: string }) => {
          if (stat.type !== 'inbound-rtp' || stat.kind !== 'video') return
          const key = `${stat.ssrc} ${stat.id}`
          const decoded = stat.framesDecoded ?? 0
          if (decoded > (frames.get(key) ?? 0)) isNew = true
          frames.set(key, decoded)
          const frozenS = stat.totalFreezesDuration ?? 0
          if (!frozenAtFirst.has(key)) frozenAtFirst.set(key, frozenS)
          frozen.set(key, frozenS - (frozenAtFirst.get(key) ?? 0))
        })
      }
      const now = performance.now()
      pictureGapMs = Math.max(pictureGapMs, now - lastFrameAt)
      if (isNew) lastFrameAt = now
    }

    const sound = new AudioContext()
    const analyser = new AnalyserNode(sound, { fftSize: 32_768 })
    const sources = new Map<MediaStreamTrack, MediaStreamAudioSourceNode>()
    const samples = new Float32Array(analyser.fftSize)
    const blockSize = Math.round(sound.sampleRate / 100)
    const loud = 0.003
    let heardUntil = sound.currentTime
    let silentBlocks = 0
    let longestSilence = 0

    function lookAtSound(): void {
      const playing = new Set<MediaStreamTrack>()
      for (const element of document.querySelectorAll('audio')) {
        const stream = element.srcObject
        if (!(stream instanceof MediaStream) || element.paused || element.muted) continue
        for (const track of stream.getAudioTracks()) {
          playing.add(track)
          if (sources.has(track)) continue
          const source = sound.createMediaStreamSource(new MediaStream([track]))
          source.connect(analyser)
          sources.set(track, source)
        }
      }
      for (const [track, source] of sources) {
        if (playing.has(track)) continue
        source.disconnect()
        sources.delete(track)
      }
      analyser.getFloatTimeDomainData(samples)
      const until = sound.currentTime
      const fresh = Math.floor(((until - heardUntil) * sound.sampleRate) / blockSize)
      const blocks = Math.min(fresh, Math.floor(samples.length / blockSize))
      heardUntil += (fresh * blockSize) / sound.sampleRate
      for (let block = blocks; block > 0; block -= 1) {
        const from = samples.length - block * blockSize
        let sum = 0
        for (let i = from; i < from + blockSize; i += 1) sum += (samples[i] ?? 0) ** 2
        silentBlocks = Math.sqrt(sum / blockSize) < loud ? silentBlocks + 1 : 0
        longestSilence = Math.max(longestSilence, silentBlocks)
      }
    }

    const timer = setInterval(() => {
      lookAtSound()
      if (isLooking) return
      isLooking = true
      void lookAtPictures().finally(() => (isLooking = false))
    }, lookEveryMs)

    host.chattoTestFlow = {
      stop() {
        clearInterval(timer)
        void sound.close()
      },
      now() {
        const sinceFrameMs = performance.now() - lastFrameAt
        return {
          pictureGapMs: Math.round(Math.max(pictureGapMs, sinceFrameMs)),
          soundGapMs: longestSilence * 10,
          blindMs: Math.round(blindMs),
          sinceFrameMs: Math.round(sinceFrameMs),
          frozenMs: Math.round(Math.max(0, ...frozen.values()) * 1000),
        }
      },
    }
  })
}

export function flowOf(page: Page): Promise<Flow> {
  return page.evaluate(() => {
    const { chattoTestFlow } = window as unknown as { chattoTestFlow: { now(): Flow } }
    return chattoTestFlow.now()
  })
}
