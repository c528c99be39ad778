/**
 * Decoration, which never throws: where there is no AudioContext, there are no rings.
 *
 * The rings' loudness: one AudioContext, one analyser a voice, one animation frame for all.
 * The loop writes the CSS property `--level` on the elements themselves, outside of Vue. It rests
 * while the page is hidden or nobody has a track. With reduced motion nothing is written: who
 * speaks gets one steady ring by class.
 */
import { nextSpeech, levelOfRms, rmsOf, smooth, type Speech } from './level.ts'

interface Voice {
  source: MediaStreamAudioSourceNode
  analyser: AnalyserNode
  samples: Float32Array<ArrayBuffer>
  track: MediaStreamTrack
  level: number
  speech: Speech
}

export interface AudioLevels {
  /** The track to listen to; null for none, or for a muted microphone. */
  listen(userId: string, track: MediaStreamTrack | null): void
  /** Writes this person's level on an element until the returned function is called. */
  show(userId: string, element: HTMLElement): () => void
  /** The present level of a person, for a meter. */
  levelOf(userId: string): number
  /** The loudest of a person's last samples, 0 for none but zeros; null when it cannot be measured. */
  peakOf(userId: string): number | null
  /** In a gesture: browsers hold an AudioContext back as they hold sound back. */
  resume(): Promise<void>
  /** Forgets every voice and closes the context, until somebody is listened to again. */
  clear(): void
}

export function createAudioLevels(options: {
  onSpeaking: (userId: string, speaking: boolean) => void
}): AudioLevels {
  const voices = new Map<string, Voice>()
  const elements = new Map<string, Set<HTMLElement>>()
  const reducedMotion = window.matchMedia('(prefers-reduced-motion: reduce)')
  let context: AudioContext | null = null
  let frame = 0
  let lastAt = 0

  function write(userId: string, level: number): void {
    if (reducedMotion.matches) return
    const value = level.toFixed(3)
    for (const element of elements.get(userId) ?? []) element.style.setProperty('--level', value)
  }

  function hush(userId: string, voice: Voice): void {
    if (voice.level > 0) write(userId, 0)
    if (voice.speech.speaking) options.onSpeaking(userId, false)
    voice.source.disconnect()
  }

  function open(track: MediaStreamTrack): Voice | null {
    try {
      context ??= new AudioContext()
      const source = context.createMediaStreamSource(new MediaStream([track]))
      const analyser = context.createAnalyser()
      analyser.fftSize = 1024
      source.connect(analyser)
      return {
        source,
        analyser,
        samples: new Float32Array(analyser.fftSize),
        track,
        level: 0,
        speech: { speaking: false, quietSince: null },
      }
    } catch {
      // No audio hardware, another sample rate than the microphone's, a browser that forbids it.
      return null
    }
  }

  function step(at: number): void {
    const elapsedMs = Math.min(100, at - lastAt)
    lastAt = at
    for (const [userId, voice] of voices) {
      voice.analyser.getFloatTimeDomainData(voice.samples)
      const level = smooth(voice.level, levelOfRms(rmsOf(voice.samples)), elapsedMs)
      if (level !== voice.level) {
        voice.level = level
        write(userId, level)
      }
      const speech = nextSpeech(voice.speech, level, at)
      if (speech.speaking !== voice.speech.speaking) options.onSpeaking(userId, speech.speaking)
      voice.speech = speech
    }
    frame = requestAnimationFrame(step)
  }

  function wake(): void {
    const shouldRun = voices.size > 0 && !document.hidden
    if (shouldRun && frame === 0) {
      lastAt = performance.now()
      frame = requestAnimationFrame(step)
    } else if (!shouldRun && frame !== 0) {
      cancelAnimationFrame(frame)
      frame = 0
    }
  }
  document.addEventListener('visibilitychange', wake)

  return {
    listen(userId, track) {
      const known = voices.get(userId)
      if (known?.track === track) return
      if (known) {
        voices.delete(userId)
        hush(userId, known)
      }
      const voice = track && open(track)
      if (voice) voices.set(userId, voice)
      wake()
    },
    show(userId, element) {
      const all = elements.get(userId) ?? new Set()
      elements.set(userId, all.add(element))
      return () => {
        all.delete(element)
        element.style.removeProperty('--level')
        if (all.size === 0 && elements.get(userId) === all) elements.delete(userId)
      }
    },
    levelOf: (userId) => voices.get(userId)?.level ?? 0,
    peakOf(userId) {
      const voice = voices.get(userId)
      if (!voice || context?.state !== 'running') return null
      voice.analyser.getFloatTimeDomainData(voice.samples)
      return voice.samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0)
    },
    async resume() {
      if (context?.state === 'suspended') await context.resume().catch(() => undefined)
    },
    clear() {
      for (const [userId, voice] of voices) hush(userId, voice)
      voices.clear()
      wake()
      context?.close().catch(() => undefined)
      context = null
    },
  }
}
