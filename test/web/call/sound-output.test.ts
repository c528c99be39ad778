// @vitest-environment happy-dom
import type { Track } from 'livekit-client'
import { afterEach, expect, test, vi } from 'vitest'
import { createSoundOutput } from '../../../web/livekit/sound-output.ts'

afterEach(() => void vi.restoreAllMocks())

/** An audio element as browsers have it: what is played or paused says so. */
function voice() {
  const element = document.createElement('audio')
  let paused = false
  let isForbidden = false
  Object.defineProperty(element, 'paused', { get: () => paused })
  Object.defineProperty(element, 'ended', { get: () => false })
  element.play = () => {
    if (isForbidden) return Promise.reject(new DOMException('not now', 'NotAllowedError'))
    paused = false
    element.dispatchEvent(new Event('playing'))
    return Promise.resolve()
  }
  element.pause = () => {
    paused = true
    element.dispatchEvent(new Event('pause'))
  }
  const track = {
    attach: () => element,
    detach: () => element.pause(),
  } as unknown as Track
  return { element, track, forbid: (value: boolean) => (isForbidden = value) }
}

function bo() {
  let at = 0
  const told: boolean[] = []
  const sound = createSoundOutput({ now: () => at, changed: () => told.push(sound.isHeld()) })
  return { sound, told, later: (ms: number) => (at += ms) }
}

test('F20 a media key pauses Ada’s voice at Bo’s: it plays on', () => {
  const { sound } = bo()
  const ada = voice()
  sound.play(ada.track)
  ada.element.pause()
  expect(ada.element.paused).toBe(false)
  expect(sound.isHeld()).toBe(false)
})

test('F20 a phone call holds it: he can turn the sound on again, and it comes by itself when the page is looked at', async () => {
  const { sound, told } = bo()
  const ada = voice()
  sound.play(ada.track)
  ada.forbid(true)
  ada.element.pause()
  await vi.waitFor(() => expect(told.at(-1)).toBe(true))
  await sound.playAgain()
  expect(sound.isHeld()).toBe(true)
  ada.forbid(false)
  document.dispatchEvent(new Event('visibilitychange'))
  expect(ada.element.paused).toBe(false)
  await vi.waitFor(() => expect(told.at(-1)).toBe(false))
})

test('F20 what is paused again and again is let be, and told; later it is tried again', () => {
  const { sound, told, later } = bo()
  const ada = voice()
  sound.play(ada.track)
  for (let times = 0; times < 10; times += 1) if (!ada.element.paused) ada.element.pause()
  expect(ada.element.paused).toBe(true)
  expect(told.at(-1)).toBe(true)
  void sound.playAgain()
  later(6000)
  ada.element.pause()
  expect(ada.element.paused).toBe(false)
})

test('F20 a voice that has gone is not played on', () => {
  const { sound } = bo()
  const ada = voice()
  sound.play(ada.track)
  sound.stop(ada.track)
  expect(ada.element.paused).toBe(true)
  expect(sound.isHeld()).toBe(false)
})
