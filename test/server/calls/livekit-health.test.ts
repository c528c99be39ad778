import { expect, test } from 'vitest'
import { createLivekitHealth } from '../../../server/calls/livekit-health.ts'
import { createLogger } from '../../../server/log.ts'

let at = 1_800_000_000_000
const open = () => createLivekitHealth({ now: () => at, log: createLogger('silent') })

test('R38 webhooks are silent when a listing showed Ada and none told of her since', () => {
  const health = open()
  health.listingKnewMore(at)
  expect(health.webhooksAreDoubted()).toBe(true)
  expect(health.state().webhooks).toEqual({ silent: false, lastAt: null })
  at += 2_000
  expect(health.state().webhooks).toEqual({ silent: true, lastAt: null })
  health.webhookSeen(at)
  expect(health.webhooksAreDoubted()).toBe(false)
  expect(health.state().webhooks).toEqual({ silent: false, lastAt: at })
})

test('R38 a listing that is a little faster than the webhook of the same join says nothing of them', () => {
  const health = open()
  health.webhookSeen(at)
  at += 60_000
  health.listingKnewMore(at)
  at += 300
  health.webhookSeen(at)
  at += 60_000
  expect(health.state().webhooks.silent).toBe(false)
  expect(health.webhooksAreDoubted()).toBe(false)
})

test('R38 a listing that began before the webhook came knew no more than that', () => {
  const health = open()
  health.webhookSeen(at)
  health.listingKnewMore(at + 1_500)
  expect(health.webhooksAreDoubted()).toBe(false)
})
