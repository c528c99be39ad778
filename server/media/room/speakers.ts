/** Who speaks in a room, told when it changes. */
import { SpeakerInfo, TrackSource } from '@livekit/protocol'
import type { Publications } from './publications.ts'

export interface Speakers {
  /** Ends a period: what has changed since the last. */
  read(participants: readonly { sid: string; publications: Publications }[]): SpeakerInfo[]
  /** Those who speak now. */
  current(): SpeakerInfo[]
  forget(sid: string): void
}

export function createSpeakers(): Speakers {
  const active = new Map<string, SpeakerInfo>()

  return {
    read(participants) {
      const changes: SpeakerInfo[] = []
      for (const { sid, publications } of participants) {
        const info = measure(sid, publications)
        const before = active.get(sid)
        if (!info.active && !before) continue
        if (info.active && before?.level === info.level) continue
        if (info.active) active.set(sid, info)
        else active.delete(sid)
        changes.push(info)
      }
      return changes
    },
    current: () => [...active.values()],
    forget(sid) {
      active.delete(sid)
    },
  }
}

/** The loudest of somebody's microphones counts; a muted one is silent whatever its last packets said. */
function measure(sid: string, publications: Publications): SpeakerInfo {
  let level = 0
  let isActive = false
  for (const track of publications.all) {
    if (track.kind !== 'audio') continue
    const read = track.loudness.read()
    if (track.info.muted || track.info.source !== TrackSource.MICROPHONE) continue
    level = Math.max(level, read.level)
    isActive ||= read.isActive
  }
  return new SpeakerInfo({ sid, level, active: isActive })
}
