/**
 * Where voices are played: one audio element a track, outside of the page's own markup. A call is not
 * paused: what a media key, a headset or a phone call pauses is played again, and where that does not
 * work, it is told.
 */
import { useEventListener } from '@vueuse/core'
import type { Track } from 'livekit-client'

/** Whoever pauses more often than this means it: a phone call for example. */
const maxRestarts = 3
const withinMs = 5000

export interface SoundOutput {
  play(track: Track): void
  stop(track: Track): void
  /** Something that should be heard is not played: it takes a click. */
  isHeld(): boolean
  /** In a gesture. */
  playAgain(): Promise<void>
  close(): void
}

export function createSoundOutput(options: {
  now: () => number
  /** `isHeld` may have changed. */
  changed: () => void
}): SoundOutput {
  const { now, changed } = options
  const playing = new Map<Track, HTMLMediaElement>()
  let restarts: number[] = []

  const isPaused = (element: HTMLMediaElement) => element.paused && !element.ended
  const start = (element: HTMLMediaElement) =>
    element
      .play()
      .catch(() => undefined)
      .then(changed)

  function paused(element: HTMLMediaElement): void {
    // Of one that was stopped, or whose track has ended, nothing is missed.
    if (![...playing.values()].includes(element) || element.ended) return
    restarts = restarts.filter((at) => now() - at < withinMs)
    if (restarts.length >= maxRestarts * playing.size) return changed()
    restarts.push(now())
    void start(element)
  }

  function stop(track: Track): void {
    const element = playing.get(track)
    if (!element) return
    playing.delete(track)
    track.detach(element)
    element.remove()
  }

  async function playAgain(): Promise<void> {
    restarts = []
    await Promise.all([...playing.values()].filter(isPaused).map(start))
  }
  /** Back from a phone call: browsers may allow now what they refused meanwhile. */
  const stopLooking = useEventListener(document, 'visibilitychange', () => {
    if (!document.hidden && [...playing.values()].some(isPaused)) void playAgain()
  })

  return {
    play(track) {
      if (playing.has(track)) return
      const element = track.attach()
      element.hidden = true
      element.onpause = () => paused(element)
      element.onplaying = changed
      document.body.append(element)
      playing.set(track, element)
    },
    stop,
    isHeld: () => [...playing.values()].some(isPaused),
    playAgain,
    close() {
      stopLooking()
      for (const track of [...playing.keys()]) stop(track)
    },
  }
}
