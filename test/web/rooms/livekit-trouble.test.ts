import { expect, test } from 'vitest'
import { troubleOf } from '../../../web/composables/use-livekit-trouble.ts'
import type { Health, Trouble } from '../../../server/protocol/wire.ts'

const health = (
  livekit: Health['livekit']['state'],
  silent: boolean,
  troubles: Trouble[] = [],
): Health => ({
  livekit: {
    state: livekit,
    since: 1_000,
    reason: livekit === 'unreachable' ? 'nothing listens at ws://lk.example' : null,
    skewMs: null,
  },
  webhooks: {
    silent,
    lastAt: null,
    url: 'https://chatto.example/webhooks/livekit',
    reason: null,
  },
  unconfirmedCalls: 0,
  troubles,
})
const trouble = (code: string, message: string): Trouble => ({
  part: 'webhooks',
  code,
  message,
  since: 1_000,
  lastAt: 1_000,
})

test('R38 an admin is told that LiveKit cannot be asked, and why, or else that its webhooks are away, with the address to enter', () => {
  expect(troubleOf(health('reachable', false))).toBeNull()
  expect(troubleOf(health('off', false))).toBeNull()
  expect(troubleOf(health('unreachable', true))).toEqual({
    is: 'away',
    reason: 'nothing listens at ws://lk.example',
  })
  const silent = trouble('webhooks-silent', 'LiveKit sends no webhooks')
  expect(troubleOf(health('reachable', true, [silent]))).toEqual({
    is: 'silent',
    url: 'https://chatto.example/webhooks/livekit',
  })
})

test('R54 what else is in the way is told in the server’s own words, before an address that would not help', () => {
  const clock = trouble('webhooks-clock', 'LiveKit’s clock is 119 s ahead of this server’s')
  expect(troubleOf(health('reachable', true, [clock]))).toEqual({
    is: 'other',
    message: clock.message,
  })
  expect(troubleOf(health('off', false, [clock]))).toEqual({ is: 'other', message: clock.message })
})
