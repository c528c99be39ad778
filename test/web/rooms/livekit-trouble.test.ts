import { expect, test } from 'vitest'
import { troubleOf } from '../../../web/composables/use-livekit-trouble.ts'
import type { Health } from '../../../server/protocol/wire.ts'

const health = (livekit: Health['livekit']['state'], silent: boolean): Health => ({
  livekit: { state: livekit, since: 1_000 },
  webhooks: { silent, lastAt: null, url: 'https://chatto.example/webhooks/livekit' },
  unconfirmedCalls: 0,
})

test('R38 an admin is told that LiveKit is away, or else that its webhooks are, with the address to enter', () => {
  expect(troubleOf(health('reachable', false))).toBeNull()
  expect(troubleOf(health('off', false))).toBeNull()
  expect(troubleOf(health('unreachable', true))).toEqual({ is: 'away' })
  expect(troubleOf(health('reachable', true))).toEqual({
    is: 'silent',
    url: 'https://chatto.example/webhooks/livekit',
  })
})
