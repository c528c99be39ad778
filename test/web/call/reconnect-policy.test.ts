import { expect, test } from 'vitest'
import { reconnectPolicy } from '../../../web/livekit/reconnect-policy.ts'

test('F19 a network that is back is tried within 4 s, however long it was away; after 40 s the page itself comes back', () => {
  for (let retryCount = 0; retryCount < 30; retryCount += 1) {
    const delayMs = reconnectPolicy.nextRetryDelayInMs({ elapsedMs: 39_000, retryCount })
    expect(delayMs).toBeLessThan(4000)
    // Not all at once, nor in a loop without a pause.
    if (retryCount > 1) expect(delayMs).toBeGreaterThanOrEqual(1000)
  }
  expect(reconnectPolicy.nextRetryDelayInMs({ elapsedMs: 40_001, retryCount: 3 })).toBeNull()
})
