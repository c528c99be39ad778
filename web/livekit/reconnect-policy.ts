/**
 * When LiveKit's client tries again. Its own pauses grow to seven seconds, and each try may wait fifteen
 * for an answer that a dead network swallowed: a network that is back for a second should be enough.
 */
import type { ReconnectPolicy } from 'livekit-client'

const delaysMs = [0, 300, 1000, 2000]
/** Then it is given up, and the voice session itself comes back. */
const giveUpMs = 40_000

/** How long one try waits for LiveKit's first word. */
export const signalTimeoutMs = 8000

export const reconnectPolicy: ReconnectPolicy = {
  nextRetryDelayInMs({ elapsedMs, retryCount }) {
    if (elapsedMs > giveUpMs) return null
    const delayMs = delaysMs[Math.min(retryCount, delaysMs.length - 1)] ?? 0
    // Those who were lost together do not come back at the same instant.
    return Math.round(delayMs + Math.random() * (delayMs / 2 + 300))
  },
}
