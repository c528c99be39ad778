/** What arrived of a person's tracks and what became of it, from WebRTC's own statistics. */
import type { RemoteParticipant, RemoteTrackPublication } from 'livekit-client'
import type { TrackProgress } from './encryption-status.ts'

export async function measureTracks(participant: RemoteParticipant): Promise<TrackProgress[]> {
  const all = await Promise.all([...participant.trackPublications.values()].map(measure))
  return all.filter((progress) => progress !== null)
}

async function measure(publication: RemoteTrackPublication): Promise<TrackProgress | null> {
  const report = await publication.track?.getRTCStatsReport()
  if (!report) return null
  const progress: TrackProgress = { trackId: publication.trackSid, received: 0, decoded: 0 }
  report.forEach((stat: RTCStats) => {
    if (stat.type !== 'inbound-rtp') return
    const count = (name: string) => {
      const value: unknown = Object.entries(stat).find(([key]) => key === name)?.[1]
      return typeof value === 'number' ? value : 0
    }
    progress.received += count('packetsReceived')
    // An audio decoder that gets nothing makes sound up: only what it did not make up counts.
    progress.decoded +=
      publication.kind === 'audio'
        ? count('totalSamplesReceived') - count('concealedSamples')
        : count('framesDecoded')
  })
  return progress
}
