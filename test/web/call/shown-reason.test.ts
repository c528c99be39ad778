import { expect, test } from 'vitest'
import { shownReason } from '../../../web/composables/voice-session/shown-reason.ts'

test('a click on call while calls are off is told apart from a call that they ended', () => {
  expect(shownReason({ reason: 'calls-off', callId: null }, false)).toBe('no-calls')
  expect(shownReason({ reason: 'calls-off', callId: 'c' }, false)).toBe('calls-off')
})

test('a part of the page that did not load is not blamed on the media server', () => {
  const failed = { reason: 'livekit-unreachable', callId: 'c' } as const
  expect(shownReason(failed, true)).toBe('part-missing')
  expect(shownReason(failed, false)).toBe('livekit-unreachable')
})

test('every other reason is told as it is', () => {
  expect(shownReason({ reason: 'gave-up', callId: 'c' }, true)).toBe('gave-up')
  expect(shownReason({ reason: null, callId: null }, true)).toBeNull()
})
