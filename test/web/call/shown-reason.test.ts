import { expect, test } from 'vitest'
import { shownReason } from '../../../web/voice-session/over-words.ts'

const page = { isPartMissing: false, isSecure: true }
const outdated = { isPartMissing: true, isSecure: true }

test('a click on call while calls are off is told apart from a call that they ended', () => {
  expect(shownReason({ reason: 'calls-off', callId: null }, page)).toBe('no-calls')
  expect(shownReason({ reason: 'calls-off', callId: 'c' }, page)).toBe('calls-off')
})

test('a part of the page that did not load is not blamed on the media server', () => {
  const failed = { reason: 'livekit-unreachable', callId: 'c' } as const
  expect(shownReason(failed, outdated)).toBe('part-missing')
  expect(shownReason(failed, page)).toBe('livekit-unreachable')
})

test('a page opened by plain http asks for https, not for another browser', () => {
  const refused = { reason: 'cannot-encrypt', callId: null } as const
  expect(shownReason(refused, { isPartMissing: false, isSecure: false })).toBe('not-secure')
  expect(shownReason(refused, page)).toBe('cannot-encrypt')
})

test('every other reason is told as it is', () => {
  expect(shownReason({ reason: 'gave-up', callId: 'c' }, outdated)).toBe('gave-up')
  expect(shownReason({ reason: null, callId: null }, outdated)).toBeNull()
})
