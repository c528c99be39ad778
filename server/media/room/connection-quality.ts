/** How good everybody’s connection is, told when it changes. */
import { ConnectionQuality, ConnectionQualityInfo } from '@livekit/protocol'

export interface ConnectionCondition {
  /** Of what the participant sends. */
  lossShare: number
  shortage: 'none' | 'smaller' | 'missing'
  /** No check came for so long. */
  silentMs: number
}

export interface ConnectionQualities {
  /** Ends a period: what has changed since the last. */
  read(conditions: ReadonlyMap<string, ConnectionCondition>): ConnectionQualityInfo[]
  current(): ConnectionQualityInfo[]
}

/** Clients check their connection every 2.5 s at the latest. */
const lostMs = 7_000
const poorLoss = 0.08
const goodLoss = 0.03
/** Better has to last before it is told, worse is told after the second time. */
const periodsUntil = { better: 5, worse: 2 }
/** LiveKit’s own figures. */
const score: Record<ConnectionQuality, number> = {
  [ConnectionQuality.EXCELLENT]: 4.5,
  [ConnectionQuality.GOOD]: 3.5,
  [ConnectionQuality.POOR]: 2,
  [ConnectionQuality.LOST]: 1,
}

export function createConnectionQualities(): ConnectionQualities {
  let known = new Map<
    string,
    { quality: ConnectionQuality; other: ConnectionQuality; for: number }
  >()

  const toInfo = (participantSid: string, quality: ConnectionQuality) =>
    new ConnectionQualityInfo({ participantSid, quality, score: score[quality] })

  return {
    read(conditions) {
      const changes: ConnectionQualityInfo[] = []
      const next: typeof known = new Map()
      for (const [sid, condition] of conditions) {
        const now = toQuality(condition)
        const before = known.get(sid)
        if (!before) {
          next.set(sid, { quality: now, other: now, for: 0 })
          changes.push(toInfo(sid, now))
          continue
        }
        const isSame = now === before.quality
        const periods = isSame ? 0 : now === before.other ? before.for + 1 : 1
        const isWorse = score[now] < score[before.quality]
        const isDue = periods >= (isWorse ? periodsUntil.worse : periodsUntil.better)
        if (!isSame && isDue) changes.push(toInfo(sid, now))
        next.set(sid, { quality: isDue ? now : before.quality, other: now, for: periods })
      }
      known = next
      return changes
    },
    current: () => [...known].map(([sid, { quality }]) => toInfo(sid, quality)),
  }
}

function toQuality({ lossShare, shortage, silentMs }: ConnectionCondition): ConnectionQuality {
  if (silentMs >= lostMs) return ConnectionQuality.LOST
  if (shortage === 'missing' || lossShare > poorLoss) return ConnectionQuality.POOR
  if (shortage === 'smaller' || lossShare > goodLoss) return ConnectionQuality.GOOD
  return ConnectionQuality.EXCELLENT
}
