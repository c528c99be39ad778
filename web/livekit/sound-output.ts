/** Where voices are played: one audio element a track, outside of the page's own markup. */
import type { Track } from 'livekit-client'

export interface SoundOutput {
  play(track: Track): void
  stop(track: Track): void
  close(): void
}

export function createSoundOutput(): SoundOutput {
  const playing = new Map<Track, HTMLMediaElement>()

  function stop(track: Track): void {
    const element = playing.get(track)
    if (!element) return
    playing.delete(track)
    track.detach(element)
    element.remove()
  }

  return {
    play(track) {
      if (playing.has(track)) return
      const element = track.attach()
      element.hidden = true
      document.body.append(element)
      playing.set(track, element)
    },
    stop,
    close() {
      for (const track of [...playing.keys()]) stop(track)
    },
  }
}
