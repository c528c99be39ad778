import { expect, test } from 'vitest'
import { createCaptureJudge, type Capture } from '../../../web/livekit/capture-watch.ts'

/** Ada's microphone, looked at twice a second. */
function watchAda() {
  const judge = createCaptureJudge()
  let at = 0
  return {
    /** What is said at the end of so many milliseconds that all look alike. */
    for(ms: number, seen: { trackId?: string; isMuted?: boolean; hasSound?: boolean | null }) {
      let capture: Capture = 'fine'
      for (const until = at + ms; at < until; at += 500) {
        capture = judge({ at, trackId: 'a', isMuted: false, hasSound: true, ...seen })
      }
      return capture
    },
  }
}

test('F10 a microphone that gives nothing from its start is told of within 5 s, and no more once it is heard', () => {
  const ada = watchAda()
  expect(ada.for(3000, { hasSound: false })).toBe('fine')
  expect(ada.for(1500, { hasSound: false })).toBe('silent')
  expect(ada.for(500, { hasSound: true })).toBe('fine')
})

test('F10 who was heard may be quiet for as long as headsets cut what is not a voice', () => {
  const ada = watchAda()
  ada.for(1000, {})
  expect(ada.for(29_000, { hasSound: false })).toBe('fine')
  expect(ada.for(2000, { hasSound: false })).toBe('silent')
})

test('F10 a track that the system mutes is told of within 5 s, but not a switch of a second', () => {
  const ada = watchAda()
  expect(ada.for(1000, { isMuted: true, hasSound: false })).toBe('fine')
  expect(ada.for(500, {})).toBe('fine')
  expect(ada.for(3000, { isMuted: true, hasSound: false })).toBe('system-muted')
  expect(ada.for(500, {})).toBe('fine')
})

test('F10 another microphone is judged anew; where nothing can be measured, nothing is said', () => {
  const ada = watchAda()
  expect(ada.for(10_000, { hasSound: null })).toBe('fine')
  ada.for(1000, {})
  expect(ada.for(4500, { trackId: 'b', hasSound: false })).toBe('silent')
})
