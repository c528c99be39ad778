/**
 * Whether what a microphone or camera gives is anything at all. The system may hold a track back (a key of
 * the keyboard, another program, a phone call), and a microphone may give nothing but zeros: both look
 * like being heard. LiveKit's client shows the first as muted to the others, after five seconds.
 */
import { Track, type LocalParticipant } from 'livekit-client'

export type Capture = 'fine' | 'system-muted' | 'silent'
export interface Captures {
  microphone: Capture
  camera: Capture
}

/** What was seen of a track at one look. */
export interface CaptureLook {
  at: number
  trackId: string
  /** The system holds it back. */
  isMuted: boolean
  /** There was a sound since the last look; null when that cannot be told. */
  hasSound: boolean | null
}

const lookEveryMs = 500
/** A track that is muted for a moment was switched by the system. */
const mutedForMs = 2000
/** Of a microphone that was just opened, and has given nothing yet. */
const silentForMs = 3500
/** Of one that was heard before: headsets cut what is not a voice. */
const silentAgainForMs = 30_000

/** Judges the looks at one track after the other. */
export function createCaptureJudge(): (look: CaptureLook) => Capture {
  let trackId: string | null = null
  let mutedSince: number | null = null
  let silentSince: number | null = null
  let wasHeard = false

  return (look) => {
    if (look.trackId !== trackId) {
      trackId = look.trackId
      mutedSince = null
      silentSince = null
      wasHeard = false
    }
    mutedSince = look.isMuted ? (mutedSince ?? look.at) : null
    if (look.hasSound) wasHeard = true
    // What is held back by the system is silent for that reason.
    silentSince = look.hasSound === false && !look.isMuted ? (silentSince ?? look.at) : null
    if (mutedSince !== null && look.at - mutedSince >= mutedForMs) return 'system-muted'
    const patienceMs = wasHeard ? silentAgainForMs : silentForMs
    return silentSince !== null && look.at - silentSince >= patienceMs ? 'silent' : 'fine'
  }
}

export interface CaptureWatch {
  stop(): void
}

export function watchCapture(options: {
  me: LocalParticipant
  now: () => number
  /** The loudest present sample of one's own voice, where the browser cannot tell by its statistics. */
  peak: () => number | null
  changed: (captures: Captures) => void
}): CaptureWatch {
  const { me, now, peak, changed } = options
  const judges = { microphone: createCaptureJudge(), camera: createCaptureJudge() }
  const energies = new Map<string, number>()
  let told = ''

  async function look(what: keyof Captures): Promise<Capture> {
    const source = what === 'microphone' ? Track.Source.Microphone : Track.Source.Camera
    const publication = me.getTrackPublication(source)
    const track = publication?.track
    if (!publication || !track || publication.isMuted) {
      // Opened again, it is judged anew.
      judges[what]({ at: now(), trackId: '', isMuted: false, hasSound: null })
      return 'fine'
    }
    const { id, muted } = track.mediaStreamTrack
    const hasSound = what === 'microphone' ? await sounds(id, track.sender) : null
    return judges[what]({ at: now(), trackId: id, isMuted: muted, hasSound })
  }

  async function sounds(id: string, sender: RTCRtpSender | undefined): Promise<boolean | null> {
    const energy = await energyOf(sender)
    if (energy === null) {
      const loudest = peak()
      return loudest === null ? null : loudest > 0
    }
    const before = energies.get(id)
    energies.clear()
    energies.set(id, energy)
    return energy > (before ?? 0)
  }

  async function lookAtAll(): Promise<void> {
    const captures: Captures = {
      microphone: await look('microphone'),
      camera: await look('camera'),
    }
    // LiveKit's client holds a muted track back by itself, and that shows too.
    const isHeld = [...me.trackPublications.values()].some(
      ({ isUpstreamPaused }) => isUpstreamPaused,
    )
    const next = JSON.stringify({ captures, isHeld })
    if (next === told) return
    told = next
    changed(captures)
  }

  let isLooking = false
  const looking = setInterval(() => {
    if (isLooking) return
    isLooking = true
    void lookAtAll()
      .catch(() => undefined)
      .then(() => (isLooking = false))
  }, lookEveryMs)
  return { stop: () => clearInterval(looking) }
}

/** All that the microphone gave so far; null where the browser does not count it. */
async function energyOf(sender: RTCRtpSender | undefined): Promise<number | null> {
  const report = await sender?.getStats()
  let energy: number | null = null
  report?.forEach((stat: RTCStats & { totalAudioEnergy?: unknown }) => {
    if (stat.type === 'media-source' && typeof stat.totalAudioEnergy === 'number') {
      energy = stat.totalAudioEnergy
    }
  })
  return energy
}
